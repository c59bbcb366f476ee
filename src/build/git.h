/*
 * Git repositories as sources of a build, through the host's own `git`.
 *
 * A repository, its server and, in a Dockerfile, its URL belong to somebody else. So git is run with an environment of
 * our own: no configuration of the system or the user, no hooks, no helpers, no prompts, no terminal (a session of its
 * own), and only the protocols that the URL leads to (GIT_ALLOW_PROTOCOL: https never becomes anything else, nothing
 * becomes a path of this machine). What is not ours stands behind "--" and was checked by remote_source_parse(). Keys
 * of the user's ssh agent are used for ssh, and never asked for. Who says nothing for GIT_SILENCE_SECONDS is given up.
 *
 *     git_find_commit(&source, &commit, err)                   what the ref means now
 *     git_check_out(store, &source, &commit, …, &checkout, err)  its files, in a staging folder of the store
 */
#pragma once

#include <signal.h>

#include "base/string_list.h"
#include "build/remote_source.h"
#include "store/layer_folder.h"
#include "store/store.h"

#define GIT_SILENCE_SECONDS 120

/*
 * What the user's secrets GIT_AUTH_TOKEN (a token, for Basic) and GIT_AUTH_HEADER (the header's whole value) say, with
 * ".HOST" behind the name for one host alone, which is preferred. Only for https, and for http of this machine. git
 * gets it in its environment, for URLs of that host alone: it is in no argument, message, key or configuration.
 */
int git_authorize(struct remote_source *source, const struct string_list *secrets, struct error *err);

/*
 * For a handler of signals: while git runs, it sets git_is_interrupted and returns, and git and what it has started are
 * ended here; ERROR_CANCELLED. A process that just died would leave a helper of git waiting for its server.
 */
extern volatile sig_atomic_t git_is_running, git_is_interrupted;

struct git_commit {
	char *id;  /* full */
	char *ref; /* "refs/heads/main"; NULL: it was asked for by its id */
	char *tag; /* the id of an annotated tag's own object; NULL: none */
};
void git_commit_release(struct git_commit *commit);
#define cleanup_git_commit CLEANUP(git_commit_release)

/* A full id means itself, and no server is asked. */
int git_find_commit(const struct remote_source *source, struct git_commit *ret_commit, struct error *err);

struct git_checkout {
	struct layer_staging staging;
	int folder_fd; /* owned: the files, or the folder of them that the source names */
	char *path;    /* owned: of it, links resolved */
};
#define GIT_CHECKOUT_INIT ((struct git_checkout){.staging = LAYER_STAGING_INIT, .folder_fd = -1})
/* Removes the files. */
void git_checkout_release(struct git_checkout *checkout);
#define cleanup_git_checkout CLEANUP(git_checkout_release)

/*
 * Shallow where the server can, with submodules, all times those of the commit. The source's folder is resolved in the
 * checkout by the kernel, and one that leads out of it, or through a link, is refused (CVE-2026-33748). `.git` stays
 * with keep_git_dir and without a folder. The caller holds the content lock.
 */
int git_check_out(struct store *store, const struct remote_source *source, const struct git_commit *commit,
		  bool keep_git_dir, struct git_checkout *ret_checkout, struct error *err);
