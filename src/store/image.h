/*
 * Images in the store. An image is its config's digest (Docker's image id); it is known through one manifest here, and
 * through any number of tags. Layers are counted by the images that use them.
 */
#pragma once

#include "oci/image_config.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "store/store.h"

struct image {
	struct digest id;	/* digest of the config */
	struct digest manifest; /* digest of the manifest document */
	nanoseconds created;	/* as the config says */
	nanoseconds stored;	/* when it was put here */
	uint64_t size;		/* bytes of all layers' files */
};

struct image_tag {
	char *name; /* full: "docker.io/library/debian"; NULL: an image that no name leads to, `<none>` */
	char *tag;  /* "bookworm"; NULL: known by digest only (pulled by digest, or untagged) */
	struct digest
		repository_digest; /* the manifest as the registry knows it; unset where never pushed nor pulled */
	struct image image;
};

struct image_layer {
	struct digest diff_id;
	struct descriptor blob; /* of the compressed form as the manifest names it */
	uint64_t size;		/* bytes of files */
};

/*
 * Makes an image known, and tags it where `tag` is not NULL (an older image of that tag stays, untagged). Config and
 * manifest must be in the blob store and the layers in their folders, and the content lock held. `layers` has
 * manifest->layer_count entries. Durable on return. An image that is known under another manifest keeps that one as
 * long as its layers' blobs are here; ret_image tells.
 */
int image_put(struct store *store, const struct digest *manifest_digest, const struct image_layer *layers,
	      size_t layer_count, const struct reference *tag, const struct digest *repository_digest,
	      struct image *ret_image, struct error *err);
/* The same of an image that was built here: it is known by this manifest from now on, whose annotations may be all that
 * is new, unless blobs of its layers are not kept here. */
int image_put_built(struct store *store, const struct digest *manifest_digest, const struct image_layer *layers,
		    size_t layer_count, const struct reference *tag, struct image *ret_image, struct error *err);

/*
 * Finds what a user typed: a reference, "sha256:<id>", or a unique prefix of an id.
 * ERROR_NOT_FOUND with Docker's words: "No such image: NAME".
 */
int image_find(struct store *store, const char *text, struct image *ret_image, struct error *err);
int image_find_reference(struct store *store, const struct reference *reference, struct image *ret_image,
			 struct digest *ret_repository_digest, struct error *err);
/* By the digest of its manifest document. */
int image_find_manifest(struct store *store, const struct digest *manifest, struct image *ret_image, struct error *err);
int image_tag_set(struct store *store, const struct reference *reference, const struct digest *image_id,
		  const struct digest *repository_digest, struct error *err);

/* Its layers, base first; freed by image_layers_free(). */
int image_layers(struct store *store, const struct digest *image_id, struct image_layer **ret_layers, size_t *ret_count,
		 struct error *err);
void image_layers_free(struct image_layer *layers, size_t count);

/* Documents, verified. Outputs are owned by the caller. */
int image_read_config(struct store *store, const struct image *image, struct image_config *ret_config,
		      struct error *err);
int image_read_manifest(struct store *store, const struct image *image, struct manifest *ret_manifest,
			struct buffer *ret_bytes /* may be NULL */, struct error *err);

/* Bytes of a layer's files, as some image or build here recorded them; ERROR_NOT_FOUND where none did. */
int image_layer_size(struct store *store, const struct digest *diff_id, uint64_t *ret_size, struct error *err);

struct image_list {
	struct image_tag *items; /* newest first, as `image ls` prints them; an image without a tag is one item */
	size_t count;
};
void image_list_release(struct image_list *list);
#define cleanup_image_list CLEANUP(image_list_release)
/* `name` (full, may be NULL) keeps those of one repository. */
int image_list(struct store *store, const char *name, struct image_list *ret_list, struct error *err);

/*
 * `rmi`: takes the tag away; the image itself goes with its last tag, unless a container uses it (ERROR_CONFLICT, with
 * Docker's words, unless `force`). By id: all tags. What was done is told in Docker's lines ("Untagged: …",
 * "Deleted: sha256:…") in ret_lines. Bytes are freed by store_collect().
 */
int image_remove(struct store *store, const char *text, bool force, struct string_list *ret_lines, struct error *err);
