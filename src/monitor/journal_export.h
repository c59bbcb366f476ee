/* The journal's export format (systemd.io/JOURNAL_EXPORT_FORMATS), as `journalctl -o export` writes it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"

/* What is needed of an entry. Texts are borrowed from the bytes; NULL where there is no such field. */
struct journal_entry {
	const char *message, *cursor;
	size_t message_size, cursor_size;
	nanoseconds time;
	bool is_error; /* of priority 3: standard error */
	bool is_part;  /* of a line that the next entry goes on with */
};

enum journal_parse {
	JOURNAL_ENTRY,	 /* *ret_used bytes were one */
	JOURNAL_MORE,	 /* the bytes end within an entry */
	JOURNAL_INVALID, /* they are none */
};
enum journal_parse journal_entry_parse(const char *bytes, size_t size, struct journal_entry *ret_entry,
				       size_t *ret_used);
