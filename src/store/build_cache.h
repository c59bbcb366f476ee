/* What a build step with a given key made. Keys are digests of everything that goes into a step (build/cache.h). */
#pragma once

#include "store/store.h"

struct build_cache_entry {
	struct digest diff_id; /* unset: the step made no layer */
	struct digest blob;    /* of the compressed layer */
	uint64_t blob_size;
	uint64_t size; /* bytes of files */
};
/* ERROR_NOT_FOUND where there is none, or where its layer is gone. */
int build_cache_find(struct store *store, const struct digest *key, struct build_cache_entry *ret_entry,
		     struct error *err);
int build_cache_put(struct store *store, const struct digest *key, const struct build_cache_entry *entry,
		    struct error *err);

struct build_cache_row {
	struct digest key;
	struct build_cache_entry entry;
	nanoseconds added, used; /* used: the last time; when it was added is the first */
	uint64_t uses;
	bool is_in_image; /* an image has its layer too */
	bool is_copy;	  /* an older entry has */
	bool is_mount;	  /* a folder of a cache mount (cache_mount.h) */
};
/* What is freed when the entry goes, and its copies with it. */
static inline uint64_t build_cache_own_bytes(const struct build_cache_row *row)
{
	return row->is_in_image || row->is_copy ? 0 : row->entry.size + row->entry.blob_size;
}
/* BuildKit's word for what it is. */
static inline const char *build_cache_type(const struct build_cache_row *row)
{
	return row->is_mount ? "exec.cachemount" : "regular";
}
struct build_cache_list {
	struct build_cache_row *items; /* the least recently used first; cache_mount_list() appends */
	size_t count;
};
void build_cache_list_release(struct build_cache_list *list);
#define cleanup_build_cache_list CLEANUP(build_cache_list_release)
int build_cache_list(struct store *store, struct build_cache_list *ret_list, struct error *err);
/* They were used now. Once for a build: it is told for people and for prunes, and writing at each step would cost. */
int build_cache_touch(struct store *store, const struct string_list *keys, struct error *err);
/* Forgets entries whose layer or blob is gone. */
int build_cache_remove_incomplete(struct store *store, struct error *err);
/* Forgets entries, all or none; store_collect() then frees what only they named. One that has gone is no error. */
int build_cache_remove(struct store *store, const struct string_list *keys, struct error *err);
