/* What a path of `cp` means, on the host or in a container. Private to container_copy.c. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"

struct place {
	char first_name[NAME_MAX + 1]; /* the last part of the path as it was typed */
	char name[NAME_MAX + 1];       /* in folder_fd, links followed */
	int folder_fd;		       /* O_PATH, owned; -1 for a root and for ".." */
	int fd;			       /* O_PATH, owned; -1: nothing is there */
	struct stat status;	       /* of fd */
	bool must_be_folder;	       /* the path ends in a slash */
	bool only_contents;	       /* the path ends in "/.", or is a root */
};
#define PLACE_INIT ((struct place){.folder_fd = -1, .fd = -1})

/*
 * root_fd is a container's root, to which the kernel confines every step; -1: the host. A link as the last step is
 * followed with `follows`, and where the path ends in a slash. Absent is success, if its folder is there; else
 * ERROR_NOT_FOUND, system_errno says why.
 */
int place_find(int root_fd, const char *path, bool follows, struct place *ret_place, struct error *err);
void place_release(struct place *place);
#define cleanup_place CLEANUP(place_release)
