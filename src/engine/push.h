/* An image goes from the store to a registry. */
#pragma once

#include "engine/registry_request.h"
#include "oci/platform.h"

/* Whether that can be pushed at all: a name without a registry is explained. */
int image_push_check(const struct reference *reference, struct error *err);

struct push_options {
	const struct platform *platform; /* NULL: whatever the image is for */
	/* "gzip" or "zstd" for the layers that are not that; NULL: as they are, plain ones as gzip. */
	const char *compression;
	int64_t level; /* 0: the compression's own */
};

/*
 * Docker's lines go to progress: "The push refers to repository […]" and "TAG: digest: sha256:… size: N".
 * ERROR_NOT_FOUND with Docker's words where there is no such image here, or where it is for another platform than
 * `platform`. A layer that has to be compressed is kept in that form, if it was not kept as a blob before.
 */
int image_push(struct engine *engine, const struct reference *reference, const struct push_options *options,
	       const struct transfer_progress *progress, struct error *err);
/* Every tag of the repository that `reference` names; its own tag does not count. The first failure ends it. */
int image_push_all_tags(struct engine *engine, const struct reference *reference, const struct push_options *options,
			const struct transfer_progress *progress, struct error *err);

/*
 * Whether `reference` means an older image than the one that was just built, since nobody tagged the newer one with it.
 * Newer is an image that another repository of the same last path component names ("s2" and "ghcr.test/me/s2"), that
 * was made here and never pulled or pushed under that name, that came after the one of `reference`, and that no tag of
 * reference's repository names. ret_name gets the newest, "s2:v2", owned by the caller; NULL: there is none.
 */
int image_find_newer_build(struct engine *engine, const struct reference *reference, char **ret_name,
			   struct error *err);
