/*
 * Sources of a build that lie elsewhere: what ADD and `build` may be given in place of a path.
 *
 *     http://…, https://…                  a file
 *     http://….git, https://….git,         a git repository, each with "#REF", "#REF:FOLDER" or "#:FOLDER" at its end;
 *     git://…, ssh://…, user@host:path     without REF it is what the repository's HEAD names
 *
 * What passed here can be an argument of git: nothing of it begins with a '-' (CVE-2019-13139), no control character or
 * blank is in it, a ref holds none of what git gives a meaning to. A password or token in the URL is refused: it would
 * stay in the image's history, in `ps` and in messages.
 */
#pragma once

#include "base/error.h"
#include "base/memory.h"

enum remote_kind { REMOTE_NONE /* a path of this machine */, REMOTE_FILE, REMOTE_GIT };

struct remote_source {
	enum remote_kind kind;
	char *url;    /* without a fragment; its scheme in lower case */
	char *name;   /* REMOTE_FILE: the last part of the URL's path, decoded, "__unnamed__" where there is none */
	char *ref;    /* REMOTE_GIT; NULL: HEAD */
	char *folder; /* REMOTE_GIT: relative and clean, but for links and for ".." in front; NULL: all */
	char *authorization; /* REMOTE_GIT: the value of an Authorization header (git.h); NULL: none */
};

/* Whether the text is meant for somewhere else; it may still be refused. */
enum remote_kind remote_source_kind(const char *text);
int remote_source_parse(const char *text, struct remote_source *ret_source, struct error *err);
void remote_source_release(struct remote_source *source);
#define cleanup_remote_source CLEANUP(remote_source_release)

/* The full id of a commit: 40 (or, of sha256, 64) lower-case hexadecimal digits. */
bool remote_ref_is_commit(const char *ref);
