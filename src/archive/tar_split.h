/*
 * A layer's archive without the contents of its files, and the same archive made again from that record and the
 * unpacked folder, byte for byte. So a pulled layer needs no second copy on disk to be saved, pushed or verified.
 *
 *     splitter: a source that hands on what it reads and writes the record beside it
 *         tar_splitter_new → layer_apply(tar_splitter_source()) → tar_splitter_finish → tar_splitter_free
 *     joiner: a source of the archive
 *         tar_joiner_new → tar_joiner_source() read to its end → tar_joiner_free
 *
 * The record is a sequence of parts, each a letter and what follows it, numbers being little-endian:
 *     'b' u32 size, bytes                 these bytes
 *     'f' u64 size, u16 length, path      the contents of that file, all `size` bytes of it
 *     'e' u64 size                        the end; the archive had this many bytes
 * It is not compressed here. Contents that are not one whole file (sparse ones) stand in it as bytes.
 *
 * What cannot be recorded is no error: an archive in which names come twice, hard links with contents and the like.
 * Then tar_splitter_finish says so. Whoever joins compares the digest: the folder may have been changed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/stream.h"

struct tar_splitter;

int tar_splitter_new(const struct source *tar, const struct sink *record, struct tar_splitter **ret_splitter,
		     struct error *err);
struct source tar_splitter_source(struct tar_splitter *splitter);
/* After the archive's end was read. ret_size: its bytes; ret_complete: whether it can be made again. */
int tar_splitter_finish(struct tar_splitter *splitter, uint64_t *ret_size, bool *ret_complete, struct error *err);
void tar_splitter_free(struct tar_splitter *splitter);

struct tar_joiner;

/* `folder_fd` is the layer's folder and stays the caller's. */
int tar_joiner_new(const struct source *record, int folder_fd, struct tar_joiner **ret_joiner, struct error *err);
/* ERROR_CORRUPT where the record makes no sense or a file is gone or has another size. */
struct source tar_joiner_source(struct tar_joiner *joiner);
void tar_joiner_free(struct tar_joiner *joiner);
