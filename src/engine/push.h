/* An image goes from the store to a registry. */
#pragma once

#include "engine/registry_request.h"

/*
 * Docker's lines go to progress: "The push refers to repository […]" and "TAG: digest: sha256:… size: N".
 * ERROR_NOT_FOUND with Docker's words where there is no such image here; a name without a registry is explained.
 */
int image_push(struct engine *engine, const struct reference *reference, const struct transfer_progress *progress,
	       struct error *err);
