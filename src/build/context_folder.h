/*
 * A folder on the host that the build takes files from: the build context, or one of --build-context. Nothing of it is
 * open until something is taken from it, in whichever process that is (worker.h).
 */
#pragma once

#include "build/content.h"
#include "store/store.h"

struct context_folder {
	const char *path;	   /* borrowed; NULL: there is no such folder */
	bool is_archive;	   /* made for this build: its files are new each time, and a memo is of no use */
	int fd;			   /* -1 until it is opened */
	struct ignore_list ignore; /* filled by the caller */
	struct memo *memo;
};

/* Reads nothing of it. */
int context_folder_open(struct context_folder *folder, struct store *store, struct error *err);
/* exclude may be NULL. The folder may be closed, where nothing is looked for in it. */
struct content_root context_folder_root(const struct context_folder *folder, const struct ignore_list *exclude);
/* Writes what was hashed; for a worker, which ends without a release. */
void context_folder_keep_memo(struct context_folder *folder);
void context_folder_release(struct context_folder *folder);
