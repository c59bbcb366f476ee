/* `history`: how an image came about. */
#pragma once

#include "engine/engine.h"
#include "store/image.h"

struct history_step {
	const struct image_history *step; /* of the configuration; NULL: a layer that nothing is told of */
	const struct digest *image;	  /* of the newest step; NULL: no image is known for it */
	nanoseconds created;		  /* 0: not told */
	uint64_t size;			  /* bytes of the layer's files; 0 where it made none */
};

struct history {
	struct image image;
	struct image_config config;
	struct history_step *steps; /* newest first */
	size_t count;
};
void history_release(struct history *history);
#define cleanup_history CLEANUP(history_release)

/* ret_history must stay where it is: steps point into it. ERROR_NOT_FOUND "No such image: x". */
int history_read(struct engine *engine, const char *name, struct history *ret_history, struct error *err);

/*
 * Pure: the steps of history->config with the sizes of its layers, base first. Where fewer layers are told of than
 * there are, the lowest are steps without words; where more, the last have size 0.
 */
void history_steps(struct history *history, const uint64_t *layer_sizes, size_t layer_count);
