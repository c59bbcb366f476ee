#include "store/image.h"

#include <errno.h>
#include <string.h>

#include "store/image_row.h"
#include "store/layer_folder.h"
#include "store/transaction.h"

/* A chain id (OCI image specification, config.md, "Layer ChainID"): of the lowest layer its diff id, else the digest of
 * "CHAIN DIFF_ID". */
static void chain_step(struct digest *chain, const struct digest *diff_id)
{
	if (!digest_is_set(chain)) {
		*chain = *diff_id;
		return;
	}
	cleanup_free char *text = format_string("%s %s", chain->text, diff_id->text);
	digest_of_bytes(text, strlen(text), chain);
}

/* Everything that a row of this image will name must be here and must fit together. */
static int check_layers(struct store *store, const struct manifest *manifest, const struct image_config *config,
			const struct image_layer *layers, size_t layer_count, struct error *err)
{
	if (manifest->layer_count != layer_count || config->diff_id_count != layer_count)
		return error_set(
			err, ERROR_INVALID,
			"the manifest names %zu layers, the configuration %zu and %zu were stored: they must be the "
			"same",
			manifest->layer_count, config->diff_id_count, layer_count);
	for (size_t i = 0; i < layer_count; i++) {
		if (!digest_equal(&layers[i].diff_id, &config->diff_ids[i]))
			return error_set(err, ERROR_CORRUPT, "layer %zu unpacks to %s, the configuration says %s",
					 i + 1, layers[i].diff_id.text, config->diff_ids[i].text);
		if (!digest_equal(&layers[i].blob.digest, &manifest->layers[i].digest))
			return error_set(err, ERROR_CORRUPT, "layer %zu was stored from blob %s, the manifest says %s",
					 i + 1, layers[i].blob.digest.text, manifest->layers[i].digest.text);
		if (!layer_folder_exists(store->root_fd, &layers[i].diff_id))
			return error_set(err, ERROR_NOT_FOUND, "layer %zu (%s) is not in the store", i + 1,
					 layers[i].diff_id.text);
	}
	return 0;
}

/* Whether all blobs of the layers are here, so that the image can be pushed as it is. */
static int layers_have_blobs(struct store *store, const char *image_id, bool *ret_complete, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err,
			     "SELECT l.blob FROM image i LEFT JOIN image_layer l ON l.image = i.id WHERE i.id = ?1",
			     "t", image_id) < 0)
		return -1;
	bool complete = false;
	for (;;) {
		int row = database_step(statement, err);
		if (row < 0)
			return -1;
		if (row == 0)
			break;
		complete = true;
		struct blob_info info;
		struct digest blob;
		if (!database_text(statement, 0)[0]) /* an image without layers */
			break;
		if (digest_parse(database_text(statement, 0), &blob, NULL) < 0 ||
		    store->blobs->operations->stat(store->blobs, &blob, &info, NULL) < 0) {
			complete = false;
			break;
		}
	}
	*ret_complete = complete;
	return 0;
}

static int write_layers(struct store *store, const struct image *image, const struct image_layer *layers,
			size_t layer_count, struct error *err)
{
	if (database_run(store->database, err, "DELETE FROM image_layer WHERE image = ?1", "t", image->id.text) < 0)
		return -1;
	struct digest chain = {0};
	for (size_t i = 0; i < layer_count; i++) {
		chain_step(&chain, &layers[i].diff_id);
		const struct descriptor *blob = &layers[i].blob;
		if (database_run(store->database, err,
				 "INSERT INTO image_layer (image, position, diff_id, chain, blob, blob_media_type, "
				 "blob_size, size)"
				 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
				 "titttt"
				 "ii",
				 image->id.text, (int64_t)i, layers[i].diff_id.text, chain.text, blob->digest.text,
				 blob->media_type ? blob->media_type : "", (int64_t)blob->size,
				 (int64_t)layers[i].size) < 0)
			return -1;
	}
	return 0;
}

static bool blobs_are_here(struct store *store, const struct image_layer *layers, size_t layer_count)
{
	struct blob_info info;
	for (size_t i = 0; i < layer_count; i++)
		if (store->blobs->operations->stat(store->blobs, &layers[i].blob.digest, &info, NULL) < 0)
			return false;
	return true;
}

/*
 * Writes the image's row. One that is known already under another manifest (the same configuration, layers compressed
 * elsewhere) keeps its own as long as that one's blobs are here, since a push needs them.
 */
static int write_image(struct store *store, const struct image *image, const struct image_layer *layers,
		       size_t layer_count, bool replaces, struct error *err)
{
	bool keep;
	if (layers_have_blobs(store, image->id.text, &keep, err) < 0)
		return -1;
	if (keep && !(replaces && blobs_are_here(store, layers, layer_count)))
		return 0;
	if (database_run(store->database, err,
			 "INSERT INTO image (id, manifest, created, stored, size) VALUES (?1, ?2, ?3, ?4, ?5)"
			 " ON CONFLICT (id) DO UPDATE SET manifest = ?2, size = ?5",
			 "ttiii", image->id.text, image->manifest.text, (int64_t)image->created, (int64_t)image->stored,
			 (int64_t)image->size) < 0)
		return -1;
	return write_layers(store, image, layers, layer_count, err);
}

static int write_tag(struct store *store, const struct reference *reference, const struct digest *image_id,
		     const struct digest *repository_digest, struct error *err)
{
	cleanup_free char *name = reference_name(reference);
	if (reference->tag && !reference_tag_is_valid(reference->tag))
		return error_set(err, ERROR_INVALID, "invalid tag \"%s\"", reference->tag);
	if (reference->tag && database_run(store->database, err,
					   "INSERT INTO tag (name, tag, image) VALUES (?1, ?2, ?3)"
					   " ON CONFLICT (name, tag) DO UPDATE SET image = ?3",
					   "ttt", name, reference->tag, image_id->text) < 0)
		return -1;
	if ((!repository_digest || !digest_is_set(repository_digest)) && !reference->tag)
		repository_digest = &reference->digest;
	if (!repository_digest || !digest_is_set(repository_digest))
		return 0;
	return database_run(store->database, err,
			    "INSERT INTO repository_digest (name, digest, image, added) VALUES (?1, ?2, ?3, ?4)"
			    " ON CONFLICT (name, digest) DO UPDATE SET image = ?3, added = ?4",
			    "ttti", name, repository_digest->text, image_id->text, (int64_t)time_now());
}

/* Reads config and manifest, which verifies them, and makes the image out of what they say. */
static int assemble_image(struct store *store, const struct digest *manifest_digest, const struct image_layer *layers,
			  size_t layer_count, struct image *ret_image, struct error *err)
{
	struct image image = {.manifest = *manifest_digest, .stored = time_now()};
	cleanup_manifest struct manifest manifest = {0};
	cleanup_image_config struct image_config config = {0};
	if (image_read_manifest(store, &image, &manifest, NULL, err) < 0)
		return -1;
	image.id = manifest.config.digest;
	if (image_read_config(store, &image, &config, err) < 0 ||
	    check_layers(store, &manifest, &config, layers, layer_count, err) < 0)
		return -1;
	if (config.created)
		time_parse_rfc3339(config.created, &image.created);
	for (size_t i = 0; i < layer_count; i++)
		image.size += layers[i].size;
	*ret_image = image;
	return 0;
}

static int put(struct store *store, const struct digest *manifest_digest, const struct image_layer *layers,
	       size_t layer_count, const struct reference *tag, const struct digest *repository_digest, bool replaces,
	       struct image *ret_image, struct error *err)
{
	struct image image;
	if (assemble_image(store, manifest_digest, layers, layer_count, &image, err) < 0 ||
	    store_settle_for_row(store, err) < 0)
		return error_wrap(err, "store image");
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_DURABLE, err) < 0 ||
	    write_image(store, &image, layers, layer_count, replaces, err) < 0 ||
	    (tag && write_tag(store, tag, &image.id, repository_digest, err) < 0) ||
	    image_row_by_id(store, &image.id, &image, err) < 0)
		return error_wrap(err, "store image");
	if (transaction_commit(&transaction, err) < 0)
		return -1;
	*ret_image = image;
	return 0;
}

int image_put(struct store *store, const struct digest *manifest_digest, const struct image_layer *layers,
	      size_t layer_count, const struct reference *tag, const struct digest *repository_digest,
	      struct image *ret_image, struct error *err)
{
	return put(store, manifest_digest, layers, layer_count, tag, repository_digest, false, ret_image, err);
}

int image_put_built(struct store *store, const struct digest *manifest_digest, const struct image_layer *layers,
		    size_t layer_count, const struct reference *tag, struct image *ret_image, struct error *err)
{
	return put(store, manifest_digest, layers, layer_count, tag, NULL, true, ret_image, err);
}

int image_tag_set(struct store *store, const struct reference *reference, const struct digest *image_id,
		  const struct digest *repository_digest, struct error *err)
{
	cleanup_transaction struct transaction transaction = {0};
	struct image image;
	if (transaction_begin(&transaction, store->database, TRANSACTION_DURABLE, err) < 0 ||
	    image_row_by_id(store, image_id, &image, err) < 0 ||
	    write_tag(store, reference, image_id, repository_digest, err) < 0)
		return -1;
	return transaction_commit(&transaction, err);
}

int image_layers(struct store *store, const struct digest *image_id, struct image_layer **ret_layers, size_t *ret_count,
		 struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err,
			     "SELECT diff_id, blob, blob_media_type, blob_size, size FROM image_layer WHERE image = ?1"
			     " ORDER BY position",
			     "t", image_id->text) < 0)
		return -1;
	struct image_layer *layers = NULL;
	size_t count = 0;
	int row;
	while ((row = database_step(statement, err)) > 0) {
		layers = reallocate_array(layers, count + 1, sizeof *layers);
		struct image_layer *layer = &layers[count++];
		*layer = (struct image_layer){0};
		layer->blob.media_type = duplicate_string(database_text(statement, 2));
		layer->blob.size = (uint64_t)sqlite3_column_int64(statement, 3);
		layer->size = (uint64_t)sqlite3_column_int64(statement, 4);
		if (digest_parse(database_text(statement, 0), &layer->diff_id, err) < 0 ||
		    digest_parse(database_text(statement, 1), &layer->blob.digest, err) < 0) {
			row = -1;
			break;
		}
	}
	if (row < 0) {
		image_layers_free(layers, count);
		return -1;
	}
	*ret_layers = layers;
	*ret_count = count;
	return 0;
}

int image_layer_size(struct store *store, const struct digest *diff_id, uint64_t *ret_size, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err,
			     "SELECT size FROM image_layer WHERE diff_id = ?1"
			     " UNION SELECT size FROM build_cache WHERE diff_id = ?1 LIMIT 1",
			     "t", diff_id->text) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return error_set(err, ERROR_NOT_FOUND, "no image here has layer %s", diff_id->text);
	*ret_size = (uint64_t)sqlite3_column_int64(statement, 0);
	return 0;
}

void image_layers_free(struct image_layer *layers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		descriptor_release(&layers[i].blob);
	free(layers);
}

int image_read_config(struct store *store, const struct image *image, struct image_config *ret_config,
		      struct error *err)
{
	cleanup_buffer struct buffer bytes = BUFFER_INIT(IMAGE_CONFIG_SIZE_LIMIT);
	if (blob_read(store->blobs, &image->id, IMAGE_CONFIG_SIZE_LIMIT, &bytes, err) < 0 ||
	    image_config_parse(buffer_text(&bytes), bytes.size, ret_config, err) < 0)
		return error_wrap(err, "image configuration %s", image->id.text);
	return 0;
}

int image_read_manifest(struct store *store, const struct image *image, struct manifest *ret_manifest,
			struct buffer *ret_bytes, struct error *err)
{
	cleanup_buffer struct buffer bytes = BUFFER_INIT(MANIFEST_SIZE_LIMIT);
	if (blob_read(store->blobs, &image->manifest, MANIFEST_SIZE_LIMIT, &bytes, err) < 0 ||
	    manifest_parse(buffer_text(&bytes), bytes.size, NULL, ret_manifest, err) < 0)
		return error_wrap(err, "manifest %s", image->manifest.text);
	if (ret_bytes) {
		*ret_bytes = bytes;
		bytes = BUFFER_INIT(0);
	}
	return 0;
}
