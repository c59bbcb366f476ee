/* `commit`: an image of a container's image, with what the container wrote as one more layer. */
#pragma once

#include "base/string_list.h"
#include "engine/engine.h"
#include "oci/reference.h"
#include "store/image.h"

struct commit_options {
	const struct reference *tag; /* NULL: none */
	const char *author, *message;
	struct string_list changes; /* engine/image_change.h */
	bool pause;		    /* a running container stands still meanwhile (engine/freeze.h) */
};

/*
 * The config is what the container runs with, and the changes over it. Nothing of volumes is in the layer, nor the
 * empty files that /etc/hosts and the like are mounted on. Where it wrote nothing there is no layer, only one more line
 * of history.
 */
int container_commit(struct engine *engine, const char *name, const struct commit_options *options,
		     struct image *ret_image, struct error *err);
