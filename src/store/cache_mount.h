/*
 * Folders that RUN --mount=type=cache keeps from build to build:
 *
 *     ROOT/cache/mounts/<hex>.<n>/data   what is mounted: a folder, or a file
 *     ROOT/cache/mounts/<hex>.<n>/info   "CREATED USES\n"; the folder's own modification time is that of the last use
 *
 * <hex> is a digest of everything that names the cache, never text of a Dockerfile; <n> counts those that exist side by
 * side because steps want one for themselves. The folder's lock (flock) is held for as long as a step uses it, shared
 * or alone, and goes with the process that holds it, however that ends. Data is put in place by a rename, once: it is
 * either whole or not there.
 */
#pragma once

#include "store/build_cache.h"
#include "store/store.h"

enum cache_mount_sharing {
	CACHE_MOUNT_SHARED,  /* with others; one that somebody has alone is passed over for the next number */
	CACHE_MOUNT_PRIVATE, /* the first that nobody uses */
	CACHE_MOUNT_LOCKED,  /* number 0 alone; waits for it */
};

struct cache_mount {
	int folder_fd; /* owned; holds the lock */
	int data_fd;   /* owned; O_PATH; -1: it is new, and cache_mount_fill() is to be called */
};
#define CACHE_MOUNT_INIT ((struct cache_mount){.folder_fd = -1, .data_fd = -1})
void cache_mount_release(struct cache_mount *mount);

/* A wait ends with ERROR_CANCELLED when a signal comes. */
int cache_mount_open(struct store *store, const struct digest *name, enum cache_mount_sharing sharing,
		     struct cache_mount *ret_mount, struct error *err);
/* `entry` of a folder is renamed into place; where another step was faster, its data is opened and the entry stays. */
int cache_mount_fill(struct cache_mount *mount, int folder_fd, const char *entry, struct error *err);

/* Adds them to the list, as rows that are mounts; what cannot be read is left out. Key: a digest of the folder's name.
 */
int cache_mount_list(struct store *store, struct build_cache_list *list, struct error *err);
/* ERROR_CONFLICT: a step uses it. */
int cache_mount_remove(struct store *store, const struct digest *key, struct error *err);
