/* A request of the engine (protocol.h), checked: what passed here may be put into a URL or a path. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "oci/digest.h"
#include "oci/platform.h"

enum operation {
	OPERATION_PULL,
	OPERATION_PUSH,
	OPERATION_LOGIN,
	OPERATION_DIGEST,
	OPERATION_TAGS,
	OPERATION_SEARCH,
	OPERATION_COPY,
	OPERATION_MANIFEST,
	OPERATION_LIST,
	OPERATION_FETCH,
	OPERATION_BLOB,
	OPERATION_COUNT
};

struct request_layer {
	struct digest digest;
	struct digest diff_id; /* unset where not said */
	char *source_domain;   /* NULL: none */
	char *source_path;
};

struct request {
	enum operation operation;
	char *root;
	char *domain;
	char *path;
	const char *remote_path; /* borrowed; where a mirror or another place has it: NULL while nobody has looked
				    (source.h) */
	char *tag;		 /* NULL: none */
	char *username;
	char *password;
	bool is_insecure;	/* as if registries.conf called the registry so */
	struct digest digest;	/* pull, fetch, blob */
	struct digest manifest; /* push */
	struct platform platform;
	struct digest *replaced; /* pull: diff ids of layers that are there, and damaged */
	size_t replaced_count;
	struct request_layer *layers; /* push */
	size_t layer_count;
	json_t *members; /* all of it: what one operation alone asks for, it reads and checks itself */
};

int request_parse(const void *bytes, size_t size, struct request *ret_request, struct error *err);
/* "debian:bookworm", "ghcr.test/regid/s2:v0.75": as users see it; owned by the caller. */
char *request_familiar_name(const struct request *request);	 /* without tag */
char *request_familiar_reference(const struct request *request); /* with it, or with the digest */
/* The path that the registry is asked for. */
const char *request_remote_path(const struct request *request);
/* The tag or digest that a manifest is asked for by. */
const char *request_reference(const struct request *request);
void request_release(struct request *request);
#define cleanup_request CLEANUP(request_release)
