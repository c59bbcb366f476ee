/* `system df`: what images, containers, volumes and the build cache take of the disk. */
#pragma once

#include "engine/list.h"
#include "store/build_cache.h"
#include "store/image_usage.h"
#include "store/volume.h"

struct disk_volume {
	struct volume_record record;
	uint64_t links; /* containers that use it */
	uint64_t size;
};

struct disk_usage {
	struct image_list images; /* one item an image, under its first name */
	struct image_usages image_usages;
	uint64_t layers; /* bytes of all images' layers, each once */
	struct container_views containers;
	uint64_t *written; /* by each container, in their order */
	struct disk_volume *volumes;
	size_t volume_count;
	struct build_cache_list caches;
};
void disk_usage_release(struct disk_usage *usage);
#define cleanup_disk_usage CLEANUP(disk_usage_release)

int disk_usage_read(struct engine *engine, struct disk_usage *ret_usage, struct error *err);

enum disk_kind { DISK_IMAGES, DISK_CONTAINERS, DISK_VOLUMES, DISK_BUILD_CACHE, DISK_KIND_COUNT };
struct disk_total {
	uint64_t count, active, size, reclaimable;
};
/*
 * Pure, with Docker's arithmetic. Images in use keep what they alone have, all other layers' bytes can be had back.
 * Containers are active while they run, volumes while a container uses them. Of the build cache counts what no image
 * has.
 */
void disk_totals(const struct disk_usage *usage, struct disk_total totals[DISK_KIND_COUNT]);
