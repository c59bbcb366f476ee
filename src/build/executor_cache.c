/* The caches of a RUN step (store/cache_mount.h). */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "build/copy.h"
#include "build/executor_mount.h"

static_assert((int)RUN_MOUNT_SHARED == (int)CACHE_MOUNT_SHARED && (int)RUN_MOUNT_PRIVATE == (int)CACHE_MOUNT_PRIVATE &&
		      (int)RUN_MOUNT_LOCKED == (int)CACHE_MOUNT_LOCKED,
	      "the store's words for sharing are the language's");

/* With from=, what the cache begins as is part of its name: another base is another cache. */
static void name_cache(const struct step_mount *item, struct digest *ret_name)
{
	cleanup_hasher struct hasher *hasher = hasher_new(DIGEST_SHA256);
	hasher_update(hasher, item->mount.id, strlen(item->mount.id) + 1);
	for (size_t i = 0; i < item->diff_id_count; i++)
		hasher_update(hasher, item->diff_ids[i].text, strlen(item->diff_ids[i].text) + 1);
	if (digest_is_set(&item->base))
		hasher_update(hasher, item->base.text, strlen(item->base.text) + 1);
	if (item->has_base && item->mount.source)
		hasher_update(hasher, item->mount.source, strlen(item->mount.source));
	hasher_finish(hasher, ret_name);
}

/* What from= has at source=, as /data in `folder_fd`. */
static int copy_base(struct step *step, struct step_mount *item, int folder_fd, struct error *err)
{
	const struct copy_request request = {
		.root_fd = folder_fd,
		.store_root_fd = step->executor->store->root_fd,
		.destination = "/data",
		.from = &item->root,
		.sources = &item->sources,
	};
	return copy_files(&request, err);
}

static int fill(struct step *step, struct step_mount *item, struct error *err)
{
	const struct run_mount *mount = &item->mount;
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	if (layer_staging_begin(step->executor->store->root_fd, &staging, err) < 0)
		return -1;
	if (item->has_base) {
		if (copy_base(step, item, staging.folder_fd, err) < 0)
			return -1;
	} else {
		if (mkdirat(staging.folder_fd, "data", 0700) < 0)
			return error_set_errno(err, errno, "make the cache");
		cleanup_close int data = openat(staging.folder_fd, "data", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (data < 0 || fchown(data, mount->user, mount->group) < 0 ||
		    fchmod(data, mount->has_mode ? mount->mode : 0755) < 0)
			return error_set_errno(err, errno, "make the cache");
	}
	return cache_mount_fill(&item->cache, staging.folder_fd, "data", err);
}

static int open_cache(struct step *step, struct step_mount *item, struct error *err)
{
	struct store *store = step->executor->store;
	enum cache_mount_sharing sharing = (enum cache_mount_sharing)item->mount.sharing;
	if (cache_mount_open(store, &item->cache_name, sharing, &item->cache, err) < 0)
		return -1;
	return item->cache.data_fd < 0 ? fill(step, item, err) : 0;
}

/*
 * Inside of a cache others write at this moment: the name is resolved by the kernel, in the cache, and what is mounted
 * is the descriptor and not the name.
 */
static int open_part(struct step_mount *item, int data_fd, struct error *err)
{
	bool has_part = !item->has_base && item->mount.source && item->mount.source[0];
	item->fd = has_part ? open_in_root(data_fd, item->mount.source, O_PATH, 0) : fcntl(data_fd, F_DUPFD_CLOEXEC, 3);
	if (item->fd >= 0)
		return 0;
	return errno == ENOENT || errno == ENOTDIR
		       ? error_set(err, ERROR_NOT_FOUND, "\"%s\" is not in the cache %s", item->mount.source,
				   item->mount.id)
		       : error_set_errno(err, errno, "open /%s of the cache %s", has_part ? item->mount.source : "",
					 item->mount.id);
}

static int compare_names(const void *a, const void *b)
{
	const struct step_mount *const *one = a, *const *other = b;
	return strcmp((*one)->cache_name.text, (*other)->cache_name.text);
}

int step_caches_open(struct step *step, struct step_mounts *mounts, struct error *err)
{
	cleanup_free struct step_mount **caches = allocate_array(mounts->count + 1, sizeof *caches);
	size_t count = 0;
	for (size_t i = 0; i < mounts->count; i++) {
		struct step_mount *item = &mounts->items[i];
		if (item->mount.type != RUN_MOUNT_CACHE)
			continue;
		name_cache(item, &item->cache_name);
		caches[count++] = item;
	}
	/* Two steps that wait for each other's caches would wait forever: all take them in one order. */
	if (count)
		qsort(caches, count, sizeof *caches, compare_names);
	const struct step_mount *last = NULL;
	for (size_t i = 0; i < count; i++) {
		bool is_same = last && digest_equal(&last->cache_name, &caches[i]->cache_name);
		if (!is_same && open_cache(step, caches[i], err) < 0)
			return error_wrap(err, "cache %s", caches[i]->mount.id);
		if (!is_same)
			last = caches[i];
		if (open_part(caches[i], last->cache.data_fd, err) < 0)
			return -1;
	}
	return 0;
}
