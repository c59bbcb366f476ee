#include "engine/verify.h"

#include <errno.h>

#include "archive/layer.h"
#include "engine/verify_internal.h"
#include "store/layer_record.h"

#define CHUNK_SIZE ((size_t)256 * 1024)

static void verify_release(struct verify *verify)
{
	string_list_release(&verify->checked);
	string_list_release(&verify->bad_blobs);
	string_list_release(&verify->bad_layers);
	string_list_release(&verify->bad_images);
	string_list_release(&verify->known_there);
	free(verify->chunk);
}

/* Whether an error is about what is kept, and not about our way of looking at it. */
static bool is_finding(const struct error *why)
{
	return why->kind == ERROR_CORRUPT || why->kind == ERROR_NOT_FOUND || why->kind == ERROR_INVALID;
}

/* What is kept was read: where the disk cannot give it back, it is damaged. */
static int reading_failed(struct error *err)
{
	if (err && err->system_errno == EIO)
		err->kind = ERROR_CORRUPT;
	return -1;
}

/* Something of our own was written or read: whatever the reason is, it says nothing of what is kept. */
static int own_work_failed(struct error *err)
{
	if (err)
		err->kind = ERROR_SYSTEM;
	return -1;
}

/* Tells whether the bytes could not be had, or what was done with them failed. */
struct watched_source {
	struct source from;
	bool has_failed;
};

static ssize_t watched_read(void *context, void *bytes, size_t size, struct error *err)
{
	struct watched_source *watched = context;
	ssize_t got = source_read(&watched->from, bytes, size, err);
	watched->has_failed = watched->has_failed || got < 0;
	return got;
}

static int find_problem(struct verify *verify, struct string_list *bad, const char *what, const char *digest,
			const struct error *why, struct error *err)
{
	if (!is_finding(why)) {
		if (err)
			*err = *why;
		return error_wrap(err, "verify %s %s", what, digest);
	}
	engine_report_line(verify->report, "%s %s: %s", what, digest, why->message);
	verify->outcome.problems++;
	string_list_add_once(bad, digest);
	return 0;
}

int verify_hash_blob(struct verify *verify, const struct digest *digest, struct error *err)
{
	struct blob_store *blobs = verify->engine->store->blobs;
	cleanup_close int fd = -1;
	cleanup_hasher struct hasher *hasher = hasher_new(digest_algorithm_of(digest));
	struct digest found;
	ssize_t got;
	if (blobs->operations->open(blobs, digest, &fd, err) < 0)
		return err->kind == ERROR_NOT_FOUND ? error_set(err, ERROR_NOT_FOUND, "it is missing")
						    : reading_failed(err);
	struct source from = source_from_fd(&fd);
	while ((got = source_read(&from, verify->chunk, CHUNK_SIZE, err)) > 0)
		hasher_update(hasher, verify->chunk, (size_t)got);
	if (got < 0)
		return reading_failed(err);
	hasher_finish(hasher, &found);
	return digest_equal(&found, digest)
		       ? 0
		       : error_set(err, ERROR_CORRUPT, "it is damaged: its bytes are %s", found.text);
}

static int check_blob(struct verify *verify, const struct digest *digest, struct error *err)
{
	struct error why = {0};
	if (string_list_contains(&verify->checked, digest->text))
		return 0;
	string_list_add(&verify->checked, digest->text);
	verify->outcome.blobs++;
	return verify_hash_blob(verify, digest, &why) == 0
		       ? 0
		       : find_problem(verify, &verify->bad_blobs, "blob", digest->text, &why, err);
}

static int hash_bytes(void *context, const void *bytes, size_t size, struct error *err)
{
	hasher_update(context, bytes, size);
	return 0;
}

/* A folder with all that an archive can say of it, as one digest. */
static int hash_folder(int folder_fd, struct digest *ret_digest, struct error *err)
{
	cleanup_hasher struct hasher *hasher = hasher_new(DIGEST_SHA256);
	struct sink sink = {hash_bytes, hasher};
	struct layer_diff_options options = {.form = LAYER_FORM_DIFF};
	struct layer_totals totals;
	if (layer_diff(folder_fd, &options, &sink, &totals, err) < 0)
		return -1;
	hasher_finish(hasher, ret_digest);
	return 0;
}

bool verify_has_good_blob(struct verify *verify, const struct image_layer *layer)
{
	struct blob_store *blobs = verify->engine->store->blobs;
	struct blob_info info;
	return !string_list_contains(&verify->bad_blobs, layer->blob.digest.text) &&
	       blobs->operations->stat(blobs, &layer->blob.digest, &info, NULL) == 0;
}

int verify_unpack_again(struct verify *verify, const struct image_layer *layer, struct layer_staging *ret_staging,
			struct error *err)
{
	struct store *store = verify->engine->store;
	cleanup_layer_archive struct layer_archive *archive = NULL;
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	cleanup_close int fd = -1;
	struct watched_source watched = {0};
	struct digest diff_ids[DIGEST_ALGORITHM_COUNT];
	struct layer_totals totals;
	if (verify_has_good_blob(verify, layer)) {
		if (store->blobs->operations->open(store->blobs, &layer->blob.digest, &fd, err) < 0)
			return reading_failed(err);
		watched.from = source_from_fd(&fd);
	} else {
		if (layer_archive_open(store->root_fd, &layer->diff_id, &archive, err) < 0)
			return reading_failed(err);
		watched.from = layer_archive_source(archive);
	}
	struct source from = {watched_read, &watched, NULL};
	if (layer_unpack_as_any(store->root_fd, &from, NULL, &staging, diff_ids, &totals, err) < 0)
		return watched.has_failed ? reading_failed(err) : err->system_errno != 0 ? own_work_failed(err) : -1;
	const struct digest *diff_id = &diff_ids[digest_algorithm_of(&layer->diff_id)];
	if (!digest_equal(diff_id, &layer->diff_id))
		return error_set(err, ERROR_CORRUPT, "blob %s is an archive of %s", layer->blob.digest.text,
				 diff_id->text);
	*ret_staging = staging;
	staging = LAYER_STAGING_INIT;
	return 0;
}

static int compare_layer(struct verify *verify, const struct image_layer *layer, bool *ret_checked, struct error *err)
{
	int root_fd = verify->engine->store->root_fd;
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	cleanup_close int folder_fd = -1;
	struct digest found, wanted;
	struct error why = {0};
	if (layer_folder_open(root_fd, &layer->diff_id, &folder_fd, &why) < 0) {
		*err = why;
		return why.kind == ERROR_NOT_FOUND ? error_set(err, ERROR_NOT_FOUND, "its folder is missing")
						   : reading_failed(err);
	}
	if (verify_unpack_again(verify, layer, &staging, &why) < 0) {
		*ret_checked = why.kind != ERROR_NOT_FOUND;
		*err = why;
		return -1;
	}
	if (hash_folder(folder_fd, &found, err) < 0)
		return reading_failed(err);
	if (hash_folder(staging.folder_fd, &wanted, err) < 0)
		return own_work_failed(err);
	return digest_equal(&found, &wanted) ? 0
					     : error_set(err, ERROR_CORRUPT,
							 "its files have changed: contents, names, owners, modes, "
							 "times or attributes are not those of its archive");
}

static int check_layer(struct verify *verify, const struct image_layer *layer, bool is_known_there, struct error *err)
{
	const char *id = layer->diff_id.text;
	struct error why = {0};
	bool is_checked = true;
	/* A plain blob has the digest of its layer. */
	cleanup_free char *key = format_string("layer %s", id);
	if (string_list_contains(&verify->checked, key))
		return 0;
	string_list_add(&verify->checked, key);
	verify->outcome.layers++;
	if (compare_layer(verify, layer, &is_checked, &why) == 0)
		return 0;
	if (is_checked)
		return find_problem(verify, &verify->bad_layers, "layer", id, &why, err);
	if (!is_known_there || string_list_contains(&verify->bad_blobs, layer->blob.digest.text)) {
		error_set(&why, ERROR_NOT_FOUND, "its blob %s is lost, and there is no record of its archive",
			  layer->blob.digest.text);
		return find_problem(verify, &verify->bad_layers, "layer", id, &why, err);
	}
	engine_report_line(verify->report,
			   "layer %s: not checked: neither its blob nor a record of its archive is here", id);
	verify->outcome.unchecked++;
	return 0;
}

static bool is_bad_image(const struct verify *verify, const struct image *image, const struct image_layer *layers,
			 size_t count)
{
	bool is_bad = string_list_contains(&verify->bad_blobs, image->id.text) ||
		      string_list_contains(&verify->bad_blobs, image->manifest.text);
	for (size_t i = 0; i < count; i++)
		is_bad = is_bad || string_list_contains(&verify->bad_blobs, layers[i].blob.digest.text) ||
			 string_list_contains(&verify->bad_layers, layers[i].diff_id.text);
	return is_bad;
}

static int check_layers(struct verify *verify, const struct image *image, const struct image_layer *layers,
			size_t count, struct error *err)
{
	struct blob_store *blobs = verify->engine->store->blobs;
	bool is_known_there = string_list_contains(&verify->known_there, image->id.text);
	for (size_t i = 0; i < count; i++) {
		struct blob_info info;
		/* A layer that was pulled has no blob here. */
		if (blobs->operations->stat(blobs, &layers[i].blob.digest, &info, NULL) == 0 &&
		    check_blob(verify, &layers[i].blob.digest, err) < 0)
			return -1;
		if (check_layer(verify, &layers[i], is_known_there, err) < 0)
			return -1;
	}
	if (is_bad_image(verify, image, layers, count))
		string_list_add_once(&verify->bad_images, image->id.text);
	return 0;
}

static int check_image(struct verify *verify, const struct image *image, struct error *err)
{
	struct image_layer *layers = NULL;
	size_t count = 0;
	cleanup_free char *key = format_string("image %s", image->id.text);
	if (string_list_contains(&verify->checked, key))
		return 0;
	string_list_add(&verify->checked, key);
	verify->outcome.images++;
	if (check_blob(verify, &image->id, err) < 0 || check_blob(verify, &image->manifest, err) < 0 ||
	    image_layers(verify->engine->store, &image->id, &layers, &count, err) < 0)
		return -1;
	int result = check_layers(verify, image, layers, count, err);
	image_layers_free(layers, count);
	return result;
}

static int visit_blob(void *context, const struct digest *digest, const struct blob_info *info, struct error *err)
{
	return check_blob(context, digest, err);
}

/* What nothing names, told and left: a later `system prune` or `rmi` frees it. */
static int tell_garbage(struct verify *verify, struct error *err)
{
	cleanup_string_list struct string_list garbage = {0};
	struct error why = {0};
	if (store_list_garbage(verify->engine->store, &garbage, &why) < 0) {
		if (why.kind != ERROR_CONFLICT) {
			*err = why;
			return -1;
		}
		engine_report_line(verify->report, "garbage: not looked for, since content is being added now");
	}
	for (size_t i = 0; i < garbage.count; i++)
		engine_report_line(verify->report, "garbage: %s", garbage.items[i]);
	verify->outcome.garbage = garbage.count;
	return 0;
}

static int check_named(struct verify *verify, const struct verify_options *options, struct error *err)
{
	for (size_t i = 0; i < options->count; i++) {
		struct image image;
		if (image_find(verify->engine->store, options->names[i], &image, err) < 0 ||
		    check_image(verify, &image, err) < 0)
			return -1;
	}
	return 0;
}

static int check(struct verify *verify, const struct verify_options *options, struct error *err)
{
	struct store *store = verify->engine->store;
	cleanup_image_list struct image_list list = {0};
	cleanup_close int lock = -1;
	verify->chunk = allocate(CHUNK_SIZE);
	if (options->count == 0 && tell_garbage(verify, err) < 0)
		return -1;
	if (store_lock_content(store, STORE_LOCK_SHARED, &lock, err) < 0 || image_list(store, NULL, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		if (digest_is_set(&list.items[i].repository_digest))
			string_list_add_once(&verify->known_there, list.items[i].image.id.text);
	if (options->count > 0)
		return check_named(verify, options, err);
	for (size_t i = 0; i < list.count; i++)
		if (check_image(verify, &list.items[i].image, err) < 0)
			return -1;
	return store->blobs->operations->list(store->blobs, visit_blob, verify, err);
}

int images_verify(struct engine *engine, const struct verify_options *options, const struct engine_report *report,
		  struct verify_outcome *ret_outcome, struct error *err)
{
	CLEANUP(verify_release) struct verify verify = {.engine = engine, .report = report};
	CLEANUP(verify_release) struct verify again = {.engine = engine, .report = report};
	if (check(&verify, options, err) < 0)
		return -1;
	*ret_outcome = verify.outcome;
	if (!options->repair || verify.outcome.problems == 0)
		return 0;
	if (verify_repair(&verify, err) < 0 || check(&again, options, err) < 0)
		return -1;
	*ret_outcome = again.outcome;
	return 0;
}
