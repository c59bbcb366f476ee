/*
 * Sources of ADD that lie elsewhere. First it is found out what they are now, which goes into the step's key: the
 * digest of a file, the commit of a repository. Only a step that the cache does not have needs the files themselves.
 *
 * A file is fetched at each build, for its digest; with --checksum the digest is known, and no network is needed once
 * the blob is here. The blob is named by a row of the build cache, so that it stays until that is pruned.
 */
#pragma once

#include "build/copy.h"
#include "build/executor.h"
#include "build/git.h"
#include "build/remote_source.h"

struct remote {
	char *text; /* as it was written */
	struct remote_source source;
	struct build_file file;	   /* REMOTE_FILE */
	struct git_commit commit;  /* REMOTE_GIT */
	int fd;			   /* the blob's, once opened */
	struct git_checkout files; /* once opened */
};

struct remote_list {
	struct remote *items;
	size_t count;
};
void remote_list_release(struct remote_list *list);

int remote_list_add(struct remote_list *list, const char *url, struct error *err);
/* Finds out what all of them are. `checksum` (may be NULL) is that of the only one. */
int remote_list_resolve(struct step *step, struct remote_list *list, const char *checksum, struct error *err);
void remote_list_add_to_key(const struct remote_list *list, const struct instruction *instruction,
			    struct cache_key *key);

/* What copy_files() takes, borrowed from the list; the arrays are the caller's. */
int remote_list_open(struct step *step, struct remote_list *list, const struct ignore_list *exclude,
		     struct copy_request *request, struct error *err);
void remote_list_close(struct copy_request *request);
