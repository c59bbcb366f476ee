/*
 * Build caches that lie elsewhere: --cache-to writes what this build's steps made, --cache-from finds it.
 *
 *     type=registry,ref=NAME[,mode=min|max]     an artifact under a tag; of --cache-from also an image with an inline
 * one type=local,dest=DIR|src=DIR[,mode=…,tag=…] an OCI layout type=inline                               in the
 * manifest of the image that is built; mode min
 *
 * build/cache_document.h is the format. mode=min holds the steps of which the result has the layers, mode=max all.
 *
 * What is brought in is as safe as the step's own result: a layer's blob has its digest, what it unpacks to its diff
 * id, and only a cache that the command names is asked, under the very key of the step. An image that was pulled is
 * none (CVE-2014-8178). A cache that is missing or broken is a warning.
 */
#pragma once

#include "build/build.h"
#include "engine/engine.h"

enum build_cache_kind { BUILD_CACHE_REGISTRY, BUILD_CACHE_LOCAL, BUILD_CACHE_INLINE };

struct build_cache_spec {
	enum build_cache_kind kind;
	char *place;  /* reference or folder; NULL: inline */
	char *tag;    /* in a folder */
	char *digest; /* of --cache-from type=local: this manifest; NULL: the tag's */
	bool is_max;
	bool ignores_errors; /* of an export */
};
struct build_cache_specs {
	struct build_cache_spec *items;
	size_t count;
};
void build_cache_specs_release(struct build_cache_specs *specs);
#define cleanup_build_cache_specs CLEANUP(build_cache_specs_release)
/* Of --cache-to (is_export) or --cache-from, in BuildKit's words. build_arguments (may be NULL): the old way to ask for
 * an inline one, BUILDKIT_INLINE_CACHE=1. */
int build_cache_specs_parse(const struct string_list *texts, bool is_export, const struct string_list *build_arguments,
			    struct build_cache_specs *ret_specs, struct error *err);

struct build_caches;
/* Reads what the caches have; one that cannot be read is told on `warning_fd` (-1: nowhere), and has nothing. */
struct build_caches *build_caches_open(struct engine *engine, const struct build_cache_specs *specs, int warning_fd);
void build_caches_free(struct build_caches *caches);
static inline void build_caches_free_pointer(struct build_caches **caches)
{
	build_caches_free(*caches);
}
#define cleanup_build_caches CLEANUP(build_caches_free_pointer)
/* build_host.import */
int build_caches_import(void *caches, const struct digest *key, struct error *err);

/* The document of the entries that `keys` name: all, or those whose layers the image's configuration has. Owned by the
 * caller. */
int build_cache_describe(struct engine *engine, const struct string_list *keys, const struct digest *image_id,
			 bool is_max, char **ret_text, struct error *err);
/* To a registry or folder. The caller holds the content lock. */
int build_cache_export(struct engine *engine, const struct build_cache_spec *spec, const struct string_list *keys,
		       const struct digest *image_id, struct error *err);
