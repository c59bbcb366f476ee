/* The files of manifest lists (manifest_list.h), and what its parts share. */
#pragma once

#include "engine/manifest_list.h"

struct manifest_files {
	int folder_fd; /* owned */
	int lock_fd;   /* owned; -1: only read */
};
#define MANIFEST_FILES_INIT ((struct manifest_files){.folder_fd = -1, .lock_fd = -1})

int manifest_files_open(struct engine *engine, bool for_writing, struct manifest_files *ret_files, struct error *err);
void manifest_files_release(struct manifest_files *files);
#define cleanup_manifest_files CLEANUP(manifest_files_release)
/* ERROR_NOT_FOUND: "No such manifest: NAME". The document is one of a list, its members of the right types. */
int manifest_files_read(const struct manifest_files *files, const struct reference *list, json_t **ret_document,
			struct error *err);
int manifest_files_write(const struct manifest_files *files, const struct reference *list, const json_t *document,
			 struct error *err);
int manifest_files_remove(const struct manifest_files *files, const struct reference *list, struct error *err);

/* The entry of a list for an image, borrowed; NULL where there is none. */
json_t *manifest_entry_find(const json_t *document, const struct reference *image);
/* The answer of protocol.h to "manifest". */
int manifest_fetch(struct engine *engine, const struct reference *image, bool with_platform, json_t **ret_done,
		   struct error *err);
/* The index that a list is pushed as. */
int manifest_list_index(const json_t *document, json_t **ret_index, struct error *err);
