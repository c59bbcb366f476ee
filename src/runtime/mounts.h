/* The mounts that the user asked for, and the files that the engine puts on /etc. */
#pragma once

#include "base/error.h"
#include "runtime/spec.h"

/*
 * In the parent, whose mount namespace the sources belong to: a detached, private, where asked read-only mount for each
 * of the `count` entries; owned descriptors, -1 behind a failure.
 */
int mounts_prepare(const struct spec_mount *mounts, size_t count, int *ret_mount_fds, struct error *err);
/* The same for a single file or folder of the host. */
int mounts_prepare_bind(int source_fd, bool read_only, bool recursive, const char *name, struct error *err);
/* Docker's options of a --tmpfs: nosuid, nodev and noexec unless taken back; size, mode, nr_inodes, uid, gid. */
int mounts_prepare_tmpfs(const char *options, bool read_only, const char *name, struct error *err);

/* In the child: puts them where they belong, below root_fd. A target inside /proc is refused, and one that links lead
 * into /sys. Missing targets are made. */
int mounts_attach(int root_fd, const struct spec_mount *mounts, size_t count, const int *mount_fds, struct error *err);
/* Puts a prepared mount of a file on `path` (relative), making the file and its folder where missing. */
int mounts_attach_file(int root_fd, int mount_fd, const char *path, struct error *err);
