/* `image ls` and `image prune`: the filters of images. */
#pragma once

#include "engine/engine.h"
#include "engine/filter.h"
#include "store/image.h"

/*
 * Those that pass all filters, in the store's order:
 *     dangling   whether no tag and no repository's digest leads to it; "true" takes those that have a digest alone too
 *     label      KEY or KEY=VALUE in the image's configuration; label! for the opposite
 *     before     made earlier than this image; since, later. Several: earlier than all of them, later than all
 *     until      made before a moment
 *     reference  a pattern (Go's path.Match) for what users see, "debian", "debian:bookworm", "ghcr.io/me/web:?"; or
 * the full name. Several are alternatives. One row a tag: other tags of the image are left out. ERROR_INVALID "invalid
 * filter 'x'"; ERROR_NOT_FOUND "No such image: x".
 */
int image_list_filtered(struct engine *engine, const struct string_list *filters, struct image_list *ret_list,
			struct error *err);
