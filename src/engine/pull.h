/* An image comes from its registry into the store. */
#pragma once

#include "engine/registry_request.h"
#include "oci/platform.h"
#include "store/image.h"
#include "store/layer_folder.h"

/* Only ALWAYS and NEWER ask a registry about an image that is here. */
enum pull_policy { PULL_MISSING, PULL_ALWAYS, PULL_NEVER, PULL_NEWER };
/* "missing", "always", "never", "newer". */
int pull_policy_parse(const char *text, enum pull_policy *ret_policy, struct error *err);

struct pull_outcome {
	struct image image;
	struct digest repository_digest;
	bool is_newer; /* the name means another image than before */
};

/* Docker's lines go to progress: "…: Pulling from …", "Digest: …", "Status: …". platform NULL: this machine's. */
int image_pull(struct engine *engine, const struct reference *reference, const struct platform *platform,
	       const struct transfer_progress *progress, struct pull_outcome *ret_outcome, struct error *err);
/* Every tag that the registry has of the repository; the tag of `reference` does not count. The first failure ends it.
 */
int image_pull_all_tags(struct engine *engine, const struct reference *reference, const struct platform *platform,
			const struct transfer_progress *progress, struct error *err);

/*
 * Asks the registry what a tag means there. ret_is_newer: it is not what `image`, which the tag means here, was pulled
 * or pushed as. A line says so, with both digests.
 */
int image_pull_is_newer(struct engine *engine, const struct reference *reference, const struct image *image,
			const struct transfer_progress *progress, bool *ret_is_newer, struct error *err);

/* Layers that wait, whole and verified, to be put in place (store/layer_folder.h). */
struct waiting_layer {
	struct digest diff_id;
	struct layer_waiting waiting;
};
struct waiting_layers {
	struct waiting_layer *items;
	size_t count;
};
void waiting_layers_add(struct waiting_layers *layers, const struct digest *diff_id,
			const struct layer_waiting *waiting);
void waiting_layers_release(struct waiting_layers *layers);
#define cleanup_waiting_layers CLEANUP(waiting_layers_release)

/*
 * The same for an image of which layers, named by their diff ids, are damaged here, and its documents maybe. Documents
 * are replaced, layers are added to `waiting`: the caller puts them in place, where nobody uses the damaged ones. The
 * caller holds the content lock.
 */
int image_pull_again(struct engine *engine, const struct reference *reference, const struct platform *platform,
		     const struct string_list *damaged, struct waiting_layers *waiting, struct error *err);
