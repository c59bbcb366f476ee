/*
 * Which file was already written under another name: files with several links, by device and inode. A file is forgotten
 * when all its links were seen. Private to src/archive.
 */
#pragma once

#include <sys/stat.h>

#include "base/error.h"

struct layer_links;

struct layer_links *layer_links_new(void);
void layer_links_free(struct layer_links *links);
/* *ret_first is the path that it was first seen under, owned by the caller, or NULL, and then `path` is remembered. */
int layer_links_find(struct layer_links *links, const struct stat *status, const char *path, char **ret_first,
		     struct error *err);
