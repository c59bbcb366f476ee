/*
 * What files of a build context hashed to, so that an unchanged file is not read again: keyed by device, inode, size,
 * modification and change time. One file for each context folder, in the store's cache folder; it can be removed at any
 * moment. A file that changed less than MEMO_SETTLE_NANOSECONDS before it was hashed is not remembered, since a later
 * write could leave the same times (the kernel's clock for files ticks in milliseconds).
 */
#pragma once

#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"
#include "oci/digest.h"

#define MEMO_ENTRY_LIMIT	500000
#define MEMO_SETTLE_NANOSECONDS 50000000LL

struct memo;

/* Never fails: an unreadable file is an empty memo. `name` is a single component below store_root_fd/cache. */
struct memo *memo_open(int store_root_fd, const char *name);
/* The sha256 of the file behind fd, which `status` describes. */
int memo_digest_file(struct memo *memo /* NULL: just hash */, int fd, const struct stat *status,
		     unsigned char ret_digest[32], struct error *err);
/* Known already? Then the file need not even be opened. */
bool memo_find(struct memo *memo, const struct stat *status, unsigned char ret_digest[32]);
/* Writes it where something is new; failures do not matter. */
void memo_free(struct memo *memo);
