/*
 * One entry of a tar archive made into a file, folder, link or device below an open folder. Nothing is followed: what
 * has the name already is removed first, except that a folder stays where a folder comes. Private to src/archive.
 */
#pragma once

#include <archive_entry.h>
#include <sys/stat.h>

#include "archive/layer_parent.h"
#include "archive/tar_reader.h"

struct layer_metadata {
	mode_t mode; /* permissions with setuid, setgid and sticky */
	uid_t uid;
	gid_t gid;
	struct timespec times[2]; /* both are the modification time */
};

/* When it was modified. */
struct timespec layer_entry_time(struct archive_entry *entry);
/* ERROR_INVALID for an owner that is none, and for attributes that belong to overlayfs. */
int layer_metadata_read(struct archive_entry *entry, struct layer_metadata *ret_metadata, struct error *err);
/* Owner, mode and attributes of an open file or folder, in the order in which the kernel keeps all of them. */
int layer_metadata_apply(const struct layer_metadata *metadata, struct archive_entry *entry, int fd, bool owner_is_set,
			 struct error *err);

/* `name` in parent->fd. */
int layer_make_file(struct layer_parent *parent, const char *name, struct archive_entry *entry,
		    const struct layer_metadata *metadata, struct tar_reader *reader, struct error *err);
int layer_make_link(struct layer_parent *parent, const char *name, struct archive_entry *entry,
		    const struct layer_metadata *metadata, struct error *err);
/* Devices and FIFOs. A device that this process may not make is left out. */
int layer_make_device(struct layer_parent *parent, const char *name, struct archive_entry *entry,
		      const struct layer_metadata *metadata, struct error *err);
int layer_make_whiteout(struct layer_parent *parent, const char *name, struct archive_entry *entry, struct error *err);
/* Makes the folder or takes the one that is there; *ret_fd is owned by the caller. Times are not set. */
int layer_make_folder(struct layer_parent *parent, const char *name, struct archive_entry *entry,
		      const struct layer_metadata *metadata, int *ret_fd, struct error *err);
/* `target` is the name that the archive gives. */
int layer_make_hard_link(struct layer_parent *parent, const char *name, const char *target, struct error *err);
