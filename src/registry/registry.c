#include "registry/registry.h"

#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"

#define MANIFEST_CACHE_BYTES ((size_t)16 * 1024 * 1024)
#define UPLOAD_HANDLES	     128

int registry_open_root(const char *root, int *ret_fd, struct error *err)
{
	int fd = open_folder(root, true, 0700, err);
	if (fd < 0)
		return error_wrap(err, "open the registry's root");
	*ret_fd = fd;
	return 0;
}

int registry_sweep(struct registry *registry, struct error *err)
{
	nanoseconds before = time_now() - REGISTRY_UPLOAD_LIFETIME;
	uint64_t count;
	upload_table_suspend_idle(registry->uploads);
	if (registry->blobs->operations->uploads_expire(registry->blobs, before, &count, err) < 0 ||
	    registry->metadata->operations->uploads_expire(registry->metadata, before, err) < 0)
		return error_wrap(err, "remove old uploads");
	return 0;
}

int registry_open(const struct registry_options *options, struct registry **ret_registry, struct error *err)
{
	cleanup_registry struct registry *registry = allocate(sizeof *registry);
	registry->options = *options;
	registry->root_fd = -1;
	if (registry_open_root(options->root, &registry->root_fd, err) < 0)
		return -1;
	cleanup_close int blobs_fd = open_folder_at(registry->root_fd, "blobs", true, 0700, err);
	/* A thread holds one connection at a time; the two more are for the main thread and for good measure. */
	if (blobs_fd < 0 || blob_store_open_files(blobs_fd, &registry->blobs, err) < 0 ||
	    database_pool_open(options->root, options->threads + 2, &registry->database, err) < 0 ||
	    jwt_key_load(registry->root_fd, &registry->key, err) < 0)
		return error_wrap(err, "open the registry %s", options->root);
	registry->metadata = metadata_open_sqlite(registry->database);
	registry->manifests = manifest_cache_new(MANIFEST_CACHE_BYTES);
	registry->bearers = bearer_cache_new();
	registry->passwords = password_checker_new();
	registry->uploads = upload_table_new(registry->blobs, UPLOAD_HANDLES);
	if (registry_sweep(registry, err) < 0)
		return -1;
	*ret_registry = steal_pointer(&registry);
	return 0;
}

void registry_close(struct registry *registry)
{
	if (!registry)
		return;
	upload_table_free(registry->uploads);
	password_checker_free(registry->passwords);
	bearer_cache_free(registry->bearers);
	manifest_cache_free(registry->manifests);
	metadata_free(registry->metadata);
	jwt_key_free(registry->key);
	database_pool_close(registry->database);
	blob_store_free(registry->blobs);
	if (registry->root_fd >= 0)
		close(registry->root_fd);
	free(registry);
}
