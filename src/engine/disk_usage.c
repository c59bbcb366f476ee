#include "engine/disk_usage.h"

#include <string.h>

#include "store/cache_mount.h"

void disk_usage_release(struct disk_usage *usage)
{
	image_list_release(&usage->images);
	image_usages_release(&usage->image_usages);
	container_views_release(&usage->containers);
	free(usage->written);
	for (size_t i = 0; i < usage->volume_count; i++)
		volume_record_release(&usage->volumes[i].record);
	free(usage->volumes);
	build_cache_list_release(&usage->caches);
}

/* Rows of one image follow each other. */
static void keep_first_names(struct image_list *list)
{
	size_t kept = 0;
	for (size_t i = 0; i < list->count; i++) {
		if (kept && digest_equal(&list->items[kept - 1].image.id, &list->items[i].image.id)) {
			free(list->items[i].name);
			free(list->items[i].tag);
			continue;
		}
		list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

static uint64_t count_links(const struct container_views *views, const char *volume)
{
	uint64_t links = 0;
	for (size_t i = 0; i < views->count; i++) {
		const struct container_config *config = &views->items[i].config;
		bool uses = false;
		for (size_t j = 0; j < config->mount_count && !uses; j++)
			uses = config->mounts[j].kind == CONTAINER_MOUNT_VOLUME &&
			       strcmp(config->mounts[j].source, volume) == 0;
		links += uses;
	}
	return links;
}

static int read_volumes(struct engine *engine, struct disk_usage *usage, struct error *err)
{
	cleanup_volume_list struct volume_list list = {0};
	if (volume_list(engine->store, &list, err) < 0)
		return -1;
	usage->volumes = allocate_array(list.count + 1, sizeof *usage->volumes);
	for (size_t i = 0; i < list.count; i++) {
		struct disk_volume *volume = &usage->volumes[usage->volume_count];
		uint64_t size = 0;
		if (volume_size(engine->store, list.items[i].name, &size, err) < 0) {
			/* Removed since the list was read. */
			if (err->kind != ERROR_NOT_FOUND)
				return -1;
			error_clear(err);
			continue;
		}
		*volume = (struct disk_volume){
			.record = list.items[i],
			.links = count_links(&usage->containers, list.items[i].name),
			.size = size,
		};
		list.items[i] = (struct volume_record){0};
		usage->volume_count++;
	}
	return 0;
}

static int read_containers(struct engine *engine, struct disk_usage *usage, struct error *err)
{
	if (container_view_list(engine, true, &usage->containers, err) < 0)
		return -1;
	usage->written = allocate_array(usage->containers.count + 1, sizeof *usage->written);
	for (size_t i = 0; i < usage->containers.count; i++) {
		uint64_t total;
		if (container_view_sizes(engine, &usage->containers.items[i], &usage->written[i], &total, err) < 0)
			return -1;
	}
	return 0;
}

int disk_usage_read(struct engine *engine, struct disk_usage *ret_usage, struct error *err)
{
	cleanup_disk_usage struct disk_usage usage = {0};
	if (image_list(engine->store, NULL, &usage.images, err) < 0 ||
	    image_usage_list(engine->store, &usage.image_usages, err) < 0 ||
	    image_layers_total(engine->store, &usage.layers, err) < 0 || read_containers(engine, &usage, err) < 0 ||
	    read_volumes(engine, &usage, err) < 0 || build_cache_list(engine->store, &usage.caches, err) < 0 ||
	    cache_mount_list(engine->store, &usage.caches, err) < 0)
		return -1;
	keep_first_names(&usage.images);
	*ret_usage = usage;
	usage = (struct disk_usage){0};
	return 0;
}

static struct disk_total total_images(const struct disk_usage *usage)
{
	struct disk_total total = {.count = usage->image_usages.count, .size = usage->layers};
	uint64_t used = 0;
	for (size_t i = 0; i < usage->image_usages.count; i++) {
		const struct image_usage *image = &usage->image_usages.items[i];
		if (!image->containers)
			continue;
		total.active++;
		used += image->size - image->shared;
	}
	/* An image may have a layer twice, which is counted twice in its own size alone. */
	total.reclaimable = used < total.size ? total.size - used : 0;
	return total;
}

static struct disk_total total_containers(const struct disk_usage *usage)
{
	struct disk_total total = {.count = usage->containers.count};
	for (size_t i = 0; i < usage->containers.count; i++) {
		bool is_active = container_state_is_active(&usage->containers.items[i].state);
		total.active += is_active;
		total.size += usage->written[i];
		total.reclaimable += is_active ? 0 : usage->written[i];
	}
	return total;
}

static struct disk_total total_volumes(const struct disk_usage *usage)
{
	struct disk_total total = {.count = usage->volume_count};
	for (size_t i = 0; i < usage->volume_count; i++) {
		total.active += usage->volumes[i].links > 0;
		total.size += usage->volumes[i].size;
		total.reclaimable += usage->volumes[i].links ? 0 : usage->volumes[i].size;
	}
	return total;
}

void disk_totals(const struct disk_usage *usage, struct disk_total totals[DISK_KIND_COUNT])
{
	struct disk_total caches = {.count = usage->caches.count};
	for (size_t i = 0; i < usage->caches.count; i++)
		caches.size += build_cache_own_bytes(&usage->caches.items[i]);
	caches.reclaimable = caches.size;
	totals[DISK_IMAGES] = total_images(usage);
	totals[DISK_CONTAINERS] = total_containers(usage);
	totals[DISK_VOLUMES] = total_volumes(usage);
	totals[DISK_BUILD_CACHE] = caches;
}
