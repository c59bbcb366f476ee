/*
 * The kernel's descriptor-based mount interface (fsopen(2), open_tree(2), move_mount(2), mount_setattr(2)) in the four
 * shapes that this layer needs. Nothing here takes a path that somebody else could have prepared: what is mounted and
 * where it goes are both descriptors. No function allocates; all may be used between clone and exec.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* One key=value of a file system's configuration. A NULL value is a flag; a NULL key ends a list. */
struct mount_option {
	const char *key;
	const char *value;
};

/* A new instance of a file system, not attached anywhere. attributes are MOUNT_ATTR_*. Returns its descriptor or -1. */
int mount_new(const char *file_system, const struct mount_option *options, uint64_t attributes, struct error *err);
/* A detached copy of the mount (with `recursive`: and of what is below) at fd, which must be in our mount namespace. */
int mount_clone(int fd, bool recursive, struct error *err);
/* Puts a detached mount on target_fd. `name` is for messages only. */
int mount_attach(int mount_fd, int target_fd, const char *name, struct error *err);
/* Sets attributes (MOUNT_ATTR_*) and, where not 0, propagation (MS_PRIVATE …) of a mount. */
int mount_set(int mount_fd, uint64_t attributes, uint64_t propagation, bool recursive, struct error *err);

/*
 * Opens (O_PATH), making it where missing, a folder or an empty file of the container's root for a default mount. A
 * symbolic link anywhere on the way is refused: an image that brings one for /proc or /dev wants the mount elsewhere.
 */
int mount_target_folder(int root_fd, const char *path, struct error *err);
int mount_target_file(int root_fd, const char *path, struct error *err);
