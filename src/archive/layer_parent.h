/*
 * The folder that entries are put into. Archives list a folder's files one after the other, so the last folder stays
 * open, and most files cost no lookup at all. Private to src/archive.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/error.h"

struct layer_parent {
	int root_fd; /* borrowed */
	int fd;	     /* owned; the open folder, or -1 */
	char path[PATH_MAX];
	bool gives_group;  /* setgid: what is made in it gets its group */
	uint64_t made;	   /* folders that no entry named */
	uint64_t replaced; /* things of this layer that gave way to a later entry; whiteouts do not count */
	uid_t own_uid;	   /* what this process makes belongs to these */
	gid_t own_gid;
	mode_t mask; /* what umask or a default ACL takes off the mode of a file that is made */
};

void layer_parent_init(struct layer_parent *parent, int root_fd);
void layer_parent_release(struct layer_parent *parent);

/*
 * Makes parent->fd the folder `path` ("" for the root), making what is missing (mode 0755). A link on the way is
 * followed inside the root only. A whiteout on the way becomes an opaque folder.
 */
int layer_parent_open(struct layer_parent *parent, const char *path, struct error *err);
/* Takes over a folder that was just made or opened at `path`. */
void layer_parent_enter(struct layer_parent *parent, const char *path, int fd, mode_t mode);

bool layer_is_whiteout(int folder_fd, const char *name);
int layer_set_opaque(int folder_fd, struct error *err);
