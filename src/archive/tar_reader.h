/*
 * Tar archives entry by entry, by libarchive: ustar, PAX, GNU, old and sparse forms.
 *
 *     while ((more = tar_reader_next(reader, &entry, err)) > 0)
 *             while ((more = tar_reader_data(reader, &block, err)) > 0) ...
 *     tar_reader_drain(reader, err)
 *
 * Names are bytes: they come out as they stand in the archive, in any locale. Memory is bounded: the headers of one
 * entry, sparse maps included, may take TAR_HEADER_LIMIT bytes of the archive.
 */
#pragma once

#include <archive_entry.h>
#include <stddef.h>
#include <stdint.h>

#include "base/stream.h"

#define TAR_HEADER_LIMIT  ((size_t)4 * 1024 * 1024)
#define TAR_PADDING_LIMIT ((uint64_t)64 * 1024 * 1024)

struct tar_reader;
struct tar_block {
	const void *bytes; /* the reader's, until the next call */
	size_t size;
	uint64_t offset; /* in the file; what lies between two blocks is a hole */
};

int tar_reader_new(const struct source *tar, struct tar_reader **ret_reader, struct error *err);
void tar_reader_free(struct tar_reader *reader);
static inline void tar_reader_free_pointer(struct tar_reader **reader)
{
	tar_reader_free(*reader);
}
#define cleanup_tar_reader CLEANUP(tar_reader_free_pointer)

/* 1: an entry, which is the reader's until the next call; 0: the end; -1: an error. Unread data is skipped. */
int tar_reader_next(struct tar_reader *reader, struct archive_entry **ret_entry, struct error *err);
/* The same for the contents of the entry. */
int tar_reader_data(struct tar_reader *reader, struct tar_block *ret_block, struct error *err);
/* Reads what follows the archive's end, at most TAR_PADDING_LIMIT bytes. */
int tar_reader_drain(struct tar_reader *reader, struct error *err);
