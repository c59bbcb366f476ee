/* Names inside layers (OCI image specification v1.1, layer.md). Private to src/archive. */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "base/error.h"

#define WHITEOUT_PREFIX	     ".wh."
#define WHITEOUT_META_PREFIX ".wh..wh."
#define WHITEOUT_OPAQUE	     ".wh..wh..opq"
#define LAYER_DEPTH_LIMIT    255 /* folders in one another: each costs who removes the tree two descriptors */
#define OVERLAY_OPAQUE	     "trusted.overlay.opaque"
#define OVERLAY_PREFIX	     "trusted.overlay."
#define OVERLAY_USER_PREFIX  "user.overlay."
#define CAPABILITY_ATTRIBUTE "security.capability"

enum layer_name {
	LAYER_NAME_PLAIN,
	LAYER_NAME_WHITEOUT, /* ".wh.NAME" */
	LAYER_NAME_OPAQUE,   /* ".wh..wh..opq" */
	LAYER_NAME_IGNORED,  /* aufs' own: ".wh..wh.…" anywhere in the path */
};

/*
 * The name of an entry without "./", doubled, leading and trailing slashes; "" is the layer's root. ".." is refused,
 * and so are names that no Linux file system has.
 */
int layer_path_clean(const char *name, char ret_path[PATH_MAX], struct error *err);
/* Cuts a clean path in two in place. The parent is "" for the root. */
void layer_path_split(char path[PATH_MAX], const char **ret_parent, const char **ret_base);
/* What a clean path stands for; a folder that is named like a whiteout is an error. */
int layer_path_classify(const char *path, enum layer_name *ret_kind, struct error *err);
/* For messages: control characters become '?', the end of a long one is cut. */
void layer_path_printable(const char *path, char text[256]);
