/*
 * Layers: tar archives with whiteouts (OCI image specification v1.1, layer.md) and the folders that overlayfs stacks.
 *
 * layer_apply unpacks an archive into an empty folder in overlayfs' own form: "NAME/.wh.FILE" becomes a character
 * device 0/0, "DIR/.wh..wh..opq" the attribute trusted.overlay.opaque on DIR. An entry never leaves the folder: ".." is
 * refused, each parent is opened with open_in_root() and a link is never followed by the last step; modes and owners
 * are set through descriptors; a hard link's target is looked up in the same folder and in the same way. Device files
 * are made where the process may, extended attributes of "trusted.overlay." are refused.
 *
 * layer_diff is the way back: the upper folder of an overlay as a tar archive, sorted by name, PAX headers only where
 * ustar cannot say it, whole seconds, no access or change times, so that one tree gives one archive. The folder itself
 * is not an entry. Extended attributes: security.capability and user.* in both directions, no others.
 *
 * Both refuse what is deeper than 255 folders or longer than 4095 bytes. A hard link to a file of another layer, an
 * owner that is no owner, a device 0/0 are ERROR_INVALID; a tar archive that makes no sense is ERROR_CORRUPT; an error
 * of the source or sink comes through as it is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/stream.h"

struct layer_limits {
	uint64_t bytes;	  /* of all files together; 0: LAYER_DEFAULT_BYTES */
	uint64_t entries; /* 0: LAYER_DEFAULT_ENTRIES */
};
#define LAYER_DEFAULT_BYTES   (64ULL << 30)
#define LAYER_DEFAULT_ENTRIES 4000000ULL

struct layer_totals {
	uint64_t bytes; /* of file contents, as `image ls` counts them */
	uint64_t entries;
	uint64_t replaced; /* files that a later entry of the same archive took the place of */
};

/* `tar` is plain tar: decompress first. It is read to its very end, so that a hasher behind it has seen every byte. */
int layer_apply(const struct source *tar, int folder_fd, const struct layer_limits *limits,
		struct layer_totals *ret_totals, struct error *err);

enum layer_owner { LAYER_OWNER_KEEP, LAYER_OWNER_ROOT };
enum layer_form {
	LAYER_FORM_DIFF, /* an overlay's upper folder: devices 0/0 and opaque marks become whiteouts */
	LAYER_FORM_TREE	 /* a whole root file system, as `export` gives it */
};

struct layer_diff_options {
	enum layer_form form;
	enum layer_owner owner;
	int64_t time_limit; /* seconds since 1970: later modification times are cut to it; 0: none (SOURCE_DATE_EPOCH)
			     */
	/* What is left out: `name` in the open folder, whose path is `folder` ("" is the root). NULL: nothing. */
	bool (*excludes)(int folder_fd, const char *folder, const char *name);
};

int layer_diff(int folder_fd, const struct layer_diff_options *options, const struct sink *tar,
	       struct layer_totals *ret_totals, struct error *err);
