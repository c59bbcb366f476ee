/*
 * A blob that is on its way: what has come of a download, so that the next attempt goes on where this one stopped, be
 * it a broken connection, a kill or a full disk.
 *
 * It lies under blobs/uploads, named by the first 32 digits of its digest: to everybody else it is an upload (blob.h),
 * and one that nobody has written to for a day is collected. The descriptor holds an exclusive flock(2), so that of two
 * who want one blob the second waits. Nothing here is synced, verified or trusted: who reads it hashes it.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "oci/digest.h"

#define PARTIAL_NAME_SIZE 33

struct partial {
	int folder_fd; /* owned */
	int fd;	       /* owned */
	char name[PARTIAL_NAME_SIZE];
	uint64_t size; /* bytes that are there */
	bool is_stopped;
};
#define PARTIAL_INIT ((struct partial){.folder_fd = -1, .fd = -1})

/* Opens or begins it. ERROR_CONFLICT while another has it: try again later. `root_fd` is the store's root folder. */
int partial_open(int root_fd, const struct digest *digest, struct partial *ret_partial, struct error *err);
/* Up to `size` bytes from `offset`; 0 at the end. */
ssize_t partial_read(const struct partial *partial, uint64_t offset, void *bytes, size_t size, struct error *err);
/*
 * Adds the bytes that follow. Cannot fail: where the disk is full, what is there stays, and no more is kept, since
 * those bytes are wanted elsewhere first.
 */
void partial_append(struct partial *partial, const void *bytes, size_t size);
/* Forgets all from `size` on: it was damaged, or is not what the digest says. */
void partial_cut(struct partial *partial, uint64_t size);
/* Lets others have it; what is there is kept. Safe on PARTIAL_INIT. */
void partial_release(struct partial *partial);
/* The blob is done: removes it, and lets others see so. */
void partial_remove(struct partial *partial);
#define cleanup_partial CLEANUP(partial_release)
