/*
 * Manifest lists: `docker manifest`. A list is made here, of images that are in registries, and pushed when it is
 * complete. Until then it is a file below ROOT/manifests, named by the sha256 of its name, written whole or not at all;
 * who changes one holds the lock of that folder.
 *
 *     {"name":"ghcr.test/me/web:1","manifests":[{"reference":"ghcr.test/me/web-amd64:1","source":"ghcr.test/me/web-amd64",
 *      "descriptor":{"mediaType":…,"size":N,"digest":…,"platform":{"architecture":…,"os":…}},"document":TEXT}]}
 */
#pragma once

#include "engine/registry_request.h"

/* `manifest create`: `images` are names in registries. An older list of that name is added to with `amend`, else
 * ERROR_CONFLICT. An image that the list has already is read again. */
int manifest_list_create(struct engine *engine, const struct reference *list, char *const *images, size_t count,
			 bool amend, struct error *err);

/* NULL and empty members are left as they are. */
struct manifest_annotation {
	const char *architecture, *os, *os_version, *variant;
	struct string_list os_features;
};
int manifest_list_annotate(struct engine *engine, const struct reference *list, const struct reference *image,
			   const struct manifest_annotation *annotation, struct error *err);

/* Images of other repositories come along. Lines go to progress: "Pushed ref NAME@DIGEST with digest: DIGEST". */
int manifest_list_push(struct engine *engine, const struct reference *list, const struct transfer_progress *progress,
		       struct digest *ret_digest, struct error *err);
/* ERROR_NOT_FOUND with Docker's words: "No such manifest: NAME". */
int manifest_list_remove(struct engine *engine, const struct reference *list, struct error *err);

/*
 * `manifest inspect`: what `image` is in its registry, or as `list` (NULL: none) has it; a list that was made here and
 * is called `image` goes before the registry. ret_is_index: it is a list, or with `verbose` an array.
 */
struct manifest_inspect {
	const struct reference *list, *image;
	bool verbose;
};
int manifest_inspect(struct engine *engine, const struct manifest_inspect *inspect, json_t **ret_document,
		     bool *ret_is_index, struct error *err);
