/*
 * Sends output to the systemd journal by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): a datagram an entry,
 * or where that would be too large a sealed memfd. A line is an entry; the parts of one that came in parts have
 * Docker's field CONTAINER_PARTIAL_MESSAGE=true but for its last. What all entries of a container have is a text that
 * the engine made, "FIELD=VALUE\n…". An entry that the journal does not take is dropped and counted, and an entry says
 * so later.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/time.h"
#include "monitor/log_writer.h"

#define JOURNAL_SOCKET	    "/run/systemd/journal/socket"
#define JOURNAL_PARTIAL	    "CONTAINER_PARTIAL_MESSAGE"
#define JOURNAL_FIELD_LIMIT (256 * 1024)

struct journal {
	int fd;		    /* a datagram socket */
	const char *fields; /* mapped */
	size_t fields_size;
	uint64_t lost;
	int lost_errno;
};

/* fields_fd: a file with the fields, at most JOURNAL_FIELD_LIMIT bytes. */
int journal_open(struct journal *journal, int fields_fd, struct error *err);
void journal_write(struct journal *journal, enum log_stream stream, const char *bytes, size_t size);
void journal_lose(struct journal *journal, uint64_t bytes, int reason);
