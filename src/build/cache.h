/*
 * Keys of the build cache. The key of a step is the sha256 of its parent's key and everything that goes into it: the
 * instruction in its expanded form, the arguments in scope for RUN, the content digest of the sources for COPY and ADD.
 * Settings (ENV, HEALTHCHECK, ONBUILD, …) are in the chain as well, so that a change of one is seen by all after it.
 *
 * The chain begins with the base image's id. Only what was built here under a key is ever found by it: an image that
 * was pulled is a base, never a cached result.
 *
 *     struct cache_key *key = cache_key_begin(&parent, "RUN");
 *     cache_key_add_list(key, &arguments);
 *     cache_key_finish(key, &digest);
 */
#pragma once

#include <stdint.h>

#include "base/string_list.h"
#include "oci/digest.h"

struct cache_key;

struct cache_key *cache_key_begin(const struct digest *parent, const char *kind);
/* Each part has its length in front, so that no two rows of parts look alike. */
void cache_key_add(struct cache_key *key, const void *bytes, size_t size);
void cache_key_add_text(struct cache_key *key, const char *text); /* NULL is not "" */
void cache_key_add_number(struct cache_key *key, uint64_t number);
void cache_key_add_list(struct cache_key *key, const struct string_list *list);
/* Frees the key. */
void cache_key_finish(struct cache_key *key, struct digest *ret_digest);
