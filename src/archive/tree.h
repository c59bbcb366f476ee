/*
 * Files and folders between file systems by way of a tar archive, for `cp`. Both ends may be a container's, whose
 * processes rename, link and mount while we work. So nothing is ever named by a path:
 *   - what is packed is one pinned thing; below it each step is one component from an open folder, never followed;
 *   - what is unpacked goes into one open folder; its own folders are opened by the kernel with that folder as root;
 *     the last step never follows, and owner, mode and time are set through descriptors, or without following.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/stream.h"

/*
 * fd (O_PATH will do) as a tar archive whose entries are named `as`, and AS/… what is in it; "" where fd is a folder of
 * which only the contents are wanted. What is mounted below is packed too, unless the kernel makes it up: /proc, /sys.
 * Sockets are left out, and so are extended attributes but security.capability and user.*.
 */
int tree_pack(int fd, const char *as, const struct sink *tar, struct error *err);

/* Whether it lies in proc, sysfs, cgroup, devpts …, whose files have no size and no end. */
bool archive_is_kernel_file_system(int fd);

struct tree_unpack_options {
	bool has_owner; /* everything belongs to uid and gid; else to whom the archive says */
	uid_t uid;
	gid_t gid;
	/* For a host's folder: devices are left out, and setuid and setgid bits dropped. Somebody in a container could
	 * have made them, and here they would be real. */
	bool is_untrusted;
};

/*
 * `tar` (plain) into the folder. A file takes the place of a file or link; a folder that is there already stays as it
 * is, owner and mode included, and gets the contents. ERROR_CONFLICT in Docker's words where a folder would take the
 * place of something else or something else that of a folder. A hard link leads to what the same archive brought, or to
 * what is in the folder.
 */
int tree_unpack(const struct source *tar, int folder_fd, const struct tree_unpack_options *options, struct error *err);
