/* --build-context NAME=oci-layout://FOLDER[:TAG][@DIGEST]: an image of an OCI image layout comes into the store. */
#pragma once

#include "engine/engine.h"
#include "oci/platform.h"
#include "store/image.h"

/*
 * Without TAG and DIGEST it is the tag "latest", or the only image. Of an index the platform's (NULL: this machine's).
 * An image that is here already is not read again; another one is known by its id alone, as `load` has it.
 */
int build_layout_load(struct engine *engine, const char *text, const struct platform *platform, struct image *ret_image,
		      struct error *err);
