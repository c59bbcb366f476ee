/*
 * The settings of registries that containers' tools share, containers-registries.conf(5), version 2: which names are
 * blocked, which registries are insecure, where an image is really kept, and its mirrors. docs/registries.md is for
 * users.
 *
 * Read are /etc/containers/registries.conf and then registries.conf.d/(all).conf beside it in the order of their names;
 * a later file replaces what an earlier one says about a prefix. $CONTAINERS_REGISTRIES_CONF names one file that is
 * read instead of all of them. Tables that are not about [[registry]] are skipped: names without a registry mean
 * docker.io here, as they do for Docker.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

#define REGISTRIES_ENTRY_LIMIT	1024
#define REGISTRIES_MIRROR_LIMIT 16
#define REGISTRIES_FILE_LIMIT	256 /* of registries.conf.d */

enum mirror_use { MIRROR_FOR_ALL, MIRROR_FOR_DIGESTS, MIRROR_FOR_TAGS };

struct registries_mirror {
	char *location;
	bool insecure;
	enum mirror_use use;
};

struct registries_entry {
	char *prefix;	/* "ghcr.test/team", "*.example.com" */
	char *location; /* NULL with a prefix that begins with "*.": the name as it is */
	char *file;	/* that says so */
	bool insecure;
	bool blocked;
	bool mirrors_by_digest_only;
	struct registries_mirror mirrors[REGISTRIES_MIRROR_LIMIT];
	size_t mirror_count;
};

struct registries_conf {
	struct registries_entry *entries;
	size_t count;
};

/* Where a repository is asked for. */
struct registry_source {
	char *domain;
	char *path;
	bool insecure;
};

struct registry_sources {
	struct registry_source items[REGISTRIES_MIRROR_LIMIT + 1]; /* the location last */
	size_t count;
};

int registries_conf_load(struct registries_conf *ret_conf, struct error *err);
/* Adds what a file says; `file` is its name for messages. On failure `conf` is as it was, or has part of it. */
int registries_conf_add(struct registries_conf *conf, const char *file, const char *text, size_t size,
			struct error *err);
void registries_conf_release(struct registries_conf *conf);
#define cleanup_registries_conf CLEANUP(registries_conf_release)

/*
 * Where to pull DOMAIN/PATH from: the mirrors in turn, then the location. ERROR_DENIED where it is blocked.
 */
int registries_conf_sources(const struct registries_conf *conf, const char *domain, const char *path, bool by_digest,
			    struct registry_sources *ret_sources, struct error *err);
/* For what is not pulled: whether it is blocked (ERROR_DENIED), and insecure. `path` may be NULL. */
int registries_conf_check(const struct registries_conf *conf, const char *domain, const char *path,
			  bool *ret_is_insecure, struct error *err);
void registry_sources_release(struct registry_sources *sources);
#define cleanup_registry_sources CLEANUP(registry_sources_release)
