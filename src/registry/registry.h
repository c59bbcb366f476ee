/*
 * What the requests of one server share. Made once, before the first thread; its parts guard themselves.
 *
 * Layout of ROOT (0700):
 *     registry.db            metadata, users, tokens (schema.c)
 *     blobs/                 store/blob.h
 *     token-key.pem          signs the bearer tokens (jwt.h)
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/memory.h"
#include "registry/bearer.h"
#include "registry/database_pool.h"
#include "registry/jwt.h"
#include "registry/manifest_cache.h"
#include "registry/metadata.h"
#include "registry/metrics.h"
#include "registry/password.h"
#include "registry/upload_table.h"
#include "store/blob.h"

#define REGISTRY_DEFAULT_ROOT	  "/var/lib/coracle-registry"
#define REGISTRY_UPLOAD_LIFETIME  (24 * 3600 * NANOSECONDS_PER_SECOND)
#define REGISTRY_UPLOADS_PER_USER 100

struct registry_options {
	const char *root;
	unsigned threads;	/* that serve requests */
	bool no_auth;		/* everybody may do everything */
	bool anonymous_pull;	/* everybody may read everything */
	const char *public_url; /* "https://ghcr.test" where a proxy stands in front; NULL: what the client says */
};

struct registry {
	struct registry_options options;
	int root_fd;
	struct database_pool *database;
	struct blob_store *blobs;
	struct metadata *metadata;
	struct jwt_key *key;
	struct manifest_cache *manifests;
	struct bearer_cache *bearers;
	struct password_checker *passwords;
	struct upload_table *uploads;
	struct metrics metrics;
	atomic_bool is_draining;
};

int registry_open(const struct registry_options *options, struct registry **ret_registry, struct error *err);
void registry_close(struct registry *registry);
static inline void registry_close_pointer(struct registry **registry)
{
	registry_close(*registry);
}
#define cleanup_registry CLEANUP(registry_close_pointer)

/* Makes ROOT where it is missing and opens the database alone: for commands. */
int registry_open_root(const char *root, int *ret_fd, struct error *err);
/* Forgets uploads that nobody has continued for a day. */
int registry_sweep(struct registry *registry, struct error *err);
