/* What the check (verify.c) has found, for the repair (verify_repair.c). */
#pragma once

#include "engine/list.h"
#include "engine/verify.h"
#include "store/image.h"
#include "store/layer_folder.h"

struct verify {
	struct engine *engine;
	const struct engine_report *report;
	struct verify_outcome outcome;
	struct string_list checked;	/* digests of blobs and diff ids of layers */
	struct string_list bad_blobs;	/* digests */
	struct string_list bad_layers;	/* diff ids */
	struct string_list bad_images;	/* ids */
	struct string_list known_there; /* ids of images that a registry has */
	char *chunk;
};

/* ERROR_NOT_FOUND or ERROR_CORRUPT where the blob is missing, cannot be read or has other bytes: a finding. */
int verify_hash_blob(struct verify *verify, const struct digest *digest, struct error *err);
bool verify_has_good_blob(struct verify *verify, const struct image_layer *layer);
/* The layer as it should be, from its kept blob or its record (ERROR_NOT_FOUND: there is neither). */
int verify_unpack_again(struct verify *verify, const struct image_layer *layer, struct layer_staging *ret_staging,
			struct error *err);

/* Makes again what is bad, where that can be; what cannot stays as it is, and a line of the report says why. */
int verify_repair(struct verify *verify, struct error *err);
