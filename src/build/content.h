/*
 * The files that COPY and ADD name: found below a root (the build context, or the root of a stage or an image), and
 * summed up in one digest over names, types, modes, link targets and contents, and, where they will be kept, owners and
 * extended attributes. Never over times.
 *
 * A name is resolved inside of the root by the kernel (base/fd.h open_in_root); a link that is named is followed, links
 * inside of a folder are what they are. Paths here are relative to the root, clean, without a '/' in front; "" is the
 * root itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/string_list.h"
#include "build/ignore.h"
#include "build/memo.h"
#include "oci/digest.h"

#define CONTENT_DEPTH_LIMIT 256
#define CONTENT_ENTRY_LIMIT 4000000

struct content_root {
	int fd;				   /* borrowed */
	const struct ignore_list *ignore;  /* borrowed; may be NULL */
	const struct ignore_list *exclude; /* borrowed; may be NULL: --exclude, of paths below each source */
	struct memo *memo;		   /* borrowed; may be NULL */
	bool keep_owners;		   /* owners and extended attributes count and are copied: COPY --from */
};

/* Adds the paths that `pattern` stands for, sorted. Without a wildcard one that does not exist is ERROR_NOT_FOUND. */
int content_find(const struct content_root *root, const char *pattern, struct string_list *paths, struct error *err);

/* The source itself, links followed; *ret_real_path (owned) is where it is for .dockerignore. */
int content_open(const struct content_root *root, const char *path, int *ret_fd, struct stat *ret_status,
		 char **ret_real_path, struct error *err);

/* Names in a folder, sorted by their bytes; "." and ".." left out. */
int content_list_folder(int folder_fd, struct string_list *names, struct error *err);
/* Whether the entry exists for the build. `may_enter` tells of a folder that is ignored with exceptions inside. */
bool content_is_visible(const struct content_root *root, const char *path, bool *ret_may_enter);

/* --exclude: `path` is below the source's folder, or is the source's own name where that is a file. */
bool content_is_excluded(const struct content_root *root, const char *path);

/*
 * Whether a folder that is ignored or excluded itself holds something that is not: only then is it there. `real_path` +
 * `skip` is its path below the source. What cannot be read counts as something, so that it is met again, and told of.
 */
bool content_holds_exceptions(const struct content_root *root, int folder_fd, const char *real_path, size_t skip);

int content_digest(const struct content_root *root, const struct string_list *paths, struct digest *ret_digest,
		   struct error *err);
