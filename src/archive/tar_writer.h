/*
 * Tar archives written: ustar (POSIX.1-1988), with a PAX header (POSIX.1-2001) only where ustar cannot say it. One
 * sequence of entries is one sequence of bytes, in any locale and on any host.
 *
 * Not libarchive's writer: its PAX format pulls all other formats, and so bzip2, lzma, nettle and libxml2, into a
 * static program; and it translates names by the locale. The reader has neither trouble, and is where the attacks are.
 *
 *     tar_writer_new; { tar_writer_attribute…; tar_writer_entry; tar_writer_data… }…; tar_writer_finish;
 * tar_writer_free
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/stream.h"

#define TAR_PAX_LIMIT ((size_t)1024 * 1024) /* of one entry: what libarchive reads */

struct tar_writer;

struct tar_entry {
	const char *path;   /* relative; a folder's gets its slash here */
	const char *target; /* of a symbolic link; or of a hard link, where is_hard_link is set */
	bool is_hard_link;
	mode_t mode; /* with the type: file, folder, symbolic link, device or FIFO */
	uid_t uid;
	gid_t gid;
	int64_t time;  /* seconds since 1970 */
	uint64_t size; /* bytes of data that follow; files only */
	dev_t device;
};

int tar_writer_new(const struct sink *tar, struct tar_writer **ret_writer, struct error *err);
void tar_writer_free(struct tar_writer *writer);

/* An extended attribute of the next entry. */
int tar_writer_attribute(struct tar_writer *writer, const char *name, const void *value, size_t size,
			 struct error *err);
int tar_writer_entry(struct tar_writer *writer, const struct tar_entry *entry, struct error *err);
/* As many bytes as the entry's size says, in any number of calls. */
int tar_writer_data(struct tar_writer *writer, const void *bytes, size_t size, struct error *err);
int tar_writer_finish(struct tar_writer *writer, struct error *err);
