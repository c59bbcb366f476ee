/*
 * Descriptors and the files behind them. Paths are fds: everything is opened relative to a folder's descriptor and is
 * CLOEXEC from birth. What may hold names chosen by somebody else (a layer, a container's root) is opened with
 * open_in_root(), which the kernel confines.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"

/* read(2) and write(2) that go on after EINTR. read_some returns -1 with errno set. */
ssize_t read_some(int fd, void *bytes, size_t size);
int write_full(int fd, const void *bytes, size_t size, struct error *err);
/* Exactly `size` bytes; an early end is ERROR_CORRUPT. */
int read_full(int fd, void *bytes, size_t size, struct error *err);

/*
 * openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS: `path` is resolved as if root_fd were "/", so neither ".."
 * nor an absolute link leaves it. Returns the descriptor, or -1 with errno set. O_CLOEXEC is added.
 */
int open_in_root(int root_fd, const char *path, int flags, mode_t mode);
/* Through no link at all (ELOOP), and not out of root_fd by ".." (EXDEV). */
int open_beneath(int root_fd, const char *path, int flags);
/* mkdir -p inside root_fd, confined in the same way; the last folder's descriptor, or -1 with errno set. */
int make_folders_in_root(int root_fd, const char *path, mode_t mode);

/* A file without a name below $TMPDIR (/var/tmp), read and written; owned by the caller. */
int scratch_file(struct error *err);

/* Opens a folder by path (O_DIRECTORY | O_CLOEXEC); with `make`, creates it and its parents with `mode`. */
int open_folder(const char *path, bool make, mode_t mode, struct error *err);
/* The same for a single component below dir_fd. */
int open_folder_at(int dir_fd, const char *name, bool make, mode_t mode, struct error *err);

/* The whole of a file or descriptor, at most `limit` bytes, appended to a fresh buffer with that cap. */
int read_file_at(int dir_fd, const char *path, size_t limit, struct buffer *ret, struct error *err);
int read_fd(int fd, size_t limit, struct buffer *ret, struct error *err);

/* One open-write-close, for files of /proc and /sys, which take a value in one write(2). */
int write_kernel_file_at(int dir_fd, const char *path, const char *text, struct error *err);

/* Copies everything from one regular file to another in the kernel, sparse files staying sparse. */
int copy_file_data(int from_fd, int to_fd, struct error *err);

/* Removes the tree `name` below dir_fd, never following a link, never crossing a mount. Absent is success. */
int remove_tree_at(int dir_fd, const char *name, struct error *err);

/* Bytes on disk of all below; what cannot be read counts nothing, since this is only told, never relied on. */
uint64_t tree_disk_bytes_at(int dir_fd, const char *name);

/* fsync, with an error. */
int sync_fd(int fd, struct error *err);
