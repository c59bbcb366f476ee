/*
 * --build-context NAME=VALUE: what FROM, COPY --from and RUN --mount from= may name beside stages and
 * images, and before them. Names are compared as references are: "debian" is "docker.io/library/debian:latest".
 *
 *     PATH                  a folder, read as the build's own context is: its .dockerignore, owners 0:0, its memo
 *     docker-image://REF    an image
 *     target:STAGE          a stage of this Dockerfile
 *     URL                   a git repository or an archive (remote_source.h), until build/input.h has brought it here
 *     oci-layout://…        an image of a folder: FOLDER[:TAG][@DIGEST], until the same has loaded it
 */
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "base/string_list.h"

enum named_context_kind {
	NAMED_CONTEXT_FOLDER,
	NAMED_CONTEXT_IMAGE,
	NAMED_CONTEXT_STAGE,
	NAMED_CONTEXT_REMOTE,
	NAMED_CONTEXT_LAYOUT
};

struct named_context {
	enum named_context_kind kind;
	char *name;	 /* familiar, without ":latest" */
	char *value;	 /* the path, the reference, the stage's name or the URL */
	bool is_archive; /* of a folder: it was made for this build, and no link in it leads out of it */
};

struct named_contexts {
	struct named_context *items;
	size_t count;
};

/* Of two with one name the last one counts. A folder that is not there is an error, used or not. */
int named_contexts_parse(const struct string_list *texts, struct named_contexts *ret_contexts, struct error *err);
void named_contexts_copy(struct named_contexts *to, const struct named_contexts *from);
/* Of what FROM and from= say; contexts may be NULL. */
const struct named_context *named_contexts_find(const struct named_contexts *contexts, const char *text);
void named_contexts_release(struct named_contexts *contexts);
#define cleanup_named_contexts CLEANUP(named_contexts_release)
