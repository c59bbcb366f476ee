/*
 * What COPY and ADD do with the files that they found. The destination's rules are the Dockerfile reference's:
 *
 *     - a folder's contents are copied, not the folder;
 *     - a file goes to DEST/NAME where DEST ends with a '/', is a folder already, or there are several sources; else to
 *       DEST;
 *     - folders that are missing are made, 0755, with the owner of --chown;
 *     - modes, link targets and modification times stay; the owner is 0:0 from the context, what it was with --from,
 *       or --chown's.
 * ADD unpacks a local tar archive, plain, gzip or zstd, into DEST. A file that was fetched has mode 0600.
 *
 * With --parents a source keeps its folders below DEST: "a/b/c" goes to DEST/a/b/c, and "a/./b/c" to DEST/b/c. Folders
 * that are made for it are like those of the source.
 *
 * The target is somebody else's tree: each destination is resolved in it by the kernel, a link at its end included. A
 * file below a copied folder replaces what is there; a folder goes through a link that leads to a folder.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/string_list.h"
#include "build/content.h"
#include "build/owner.h"

struct copy_text {
	const char *name; /* of the file, where the destination is a folder */
	const char *content;
};

/* Of elsewhere, fetched already. */
struct copy_file {
	const char *name; /* where the destination is a folder */
	int fd;
	int64_t modified; /* seconds since 1970 */
	bool unpacks;
};

struct copy_request {
	const char *instruction; /* "COPY" or "ADD", for messages */
	int root_fd;		 /* the target's root */
	int store_root_fd;	 /* where an archive is unpacked first */
	const char *destination; /* absolute, as written: a '/' at its end counts */
	const struct content_root *from;
	const struct string_list *sources; /* of content_find(); with keeps_parents "/./" may say where DEST begins */
	const struct copy_text *texts;	   /* heredocs */
	size_t text_count;
	const struct copy_file *files; /* these come after the sources */
	size_t file_count;
	const struct content_root *trees; /* whose contents are copied, then */
	size_t tree_count;
	bool needs_folder; /* more than one source was written */
	bool unpacks;	   /* archives */
	bool keeps_parents;
	int64_t time; /* seconds since 1970, that all gets but what an archive holds; 0: modification times stay */
	bool has_owner;
	struct owner owner;
	bool has_mode;
	mode_t mode; /* of files and folders that are copied */
};

int copy_files(const struct copy_request *request, struct error *err);

/* mkdir -p below root_fd, confined; new folders get the owner (NULL: 0:0). ret_made (may be NULL): one was missing. */
int copy_make_folders(int root_fd, const char *path, const struct owner *owner, bool *ret_made, struct error *err);
