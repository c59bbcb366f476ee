/* `image ls --tree`: each image with its names, its platform below it, and what it takes of the disk. */
#pragma once

#include "engine/engine.h"
#include "store/image.h"

/* `list` as the store has it: rows of one image follow each other. */
int image_tree_print(struct engine *engine, const struct image_list *list, struct error *err);
