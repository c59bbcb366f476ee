/* The documents that make an image of a layout or an archive known. Texts that are made are the caller's. */
#pragma once

#include "transfer/copy_source.h"

/* Which image is meant, in the text of an index.json; name NULL: the only one. */
int copy_layout_find(const struct buffer *index, const char *name, struct descriptor *ret_root, struct error *err);
/*
 * An index.json: that of `before` (NULL: none) with the image of that name in place of another of the name. `full` is
 * containerd's name for it, "docker.io/library/web:1", `name` the specification's; both may be NULL.
 */
int copy_index_text(const struct buffer *before, const struct descriptor *root, const char *full, const char *name,
		    char **ret_text, struct error *err);
/* A docker-archive's manifest.json of one image; `name` ("web:1") may be NULL. */
int copy_index_docker(const struct copy_document *manifest, const char *name, char **ret_text, struct error *err);
