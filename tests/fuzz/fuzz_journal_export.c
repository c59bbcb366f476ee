/*
 * What journalctl writes. Beyond the sanitizers: what was an entry is the same with more bytes behind it, and of less
 * than it used it is none.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "monitor/journal_export.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	/* Of exactly that size, so that a read beyond it is seen. */
	cleanup_free char *text = duplicate_bytes(bytes, size);
	struct journal_entry entry, again;
	size_t at = 0, used, used_again;
	while (journal_entry_parse(text + at, size - at, &entry, &used) == JOURNAL_ENTRY) {
		require(used > 0 && used <= size - at);
		require(journal_entry_parse(text + at, used, &again, &used_again) == JOURNAL_ENTRY);
		require(used_again == used && again.message == entry.message && again.time == entry.time);
		require(journal_entry_parse(text + at, used - 1, &again, &used_again) == JOURNAL_MORE);
		require(!entry.message ||
			(entry.message >= text + at && entry.message + entry.message_size < text + at + used));
		at += used;
	}
	return 0;
}
