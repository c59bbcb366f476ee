/* What images take of the disk, and share: for `system df` and `image ls --tree`. Each call is one statement. */
#pragma once

#include "store/image.h"

struct image_usage {
	struct digest id;
	uint64_t containers; /* that were made of it */
	uint64_t size;	     /* bytes of its layers' files */
	uint64_t shared;     /* of these, in layers that another image has too */
	uint64_t content;    /* bytes of its layers as its manifest names them: compressed */
};
struct image_usages {
	struct image_usage *items; /* sorted by id */
	size_t count;
};
void image_usages_release(struct image_usages *usages);
#define cleanup_image_usages CLEANUP(image_usages_release)
int image_usage_list(struct store *store, struct image_usages *ret_usages, struct error *err);
/* NULL: there is none. */
const struct image_usage *image_usage_find(const struct image_usages *usages, const struct digest *id);

/* Bytes of the files of all layers that images have, each layer once. */
int image_layers_total(struct store *store, uint64_t *ret_bytes, struct error *err);

/* Adds the ids of the image and of all that have its layers below theirs, as those have that are built on it. */
int image_descendants(struct store *store, const struct digest *id, struct string_list *ids, struct error *err);
