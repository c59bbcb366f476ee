/*
 * A pull: manifest, configuration, then the layers, up to three side by side. Each is one stream, from the socket
 * through both hashes into its folder under layers/staging (unpack.h), and is put in place once blob, size and diff id
 * are verified. The bytes that come are kept until then (store/partial.h), so that a pull that ends early goes on where
 * it stopped. Manifest and configuration are stored last: who finds them has all the layers.
 */
#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "base/fd.h"
#include "oci/image_config.h"
#include "oci/manifest.h"
#include "oci/media_type.h"
#include "store/blob.h"
#include "store/layer_folder.h"
#include "store/partial.h"
#include "transfer/cancel.h"
#include "transfer/download.h"
#include "transfer/operations.h"
#include "transfer/progress.h"
#include "transfer/resolve.h"
#include "transfer/source.h"
#include "transfer/unpack.h"
#include "transfer/workers.h"

enum layer_state { LAYER_MISSING, LAYER_PRESENT, LAYER_TWICE };

struct pull_layer {
	const struct descriptor *blob;
	struct digest diff_id;
	enum layer_state state;
	bool is_damaged;	      /* the one that is there: it is not trusted, and the caller exchanges it */
	struct layer_staging waiting; /* of a damaged one: what it is exchanged for */
	struct layer_totals totals;   /* of one that was unpacked now */
	struct progress progress;
};

struct pull_job {
	const struct request *request;
	struct registry *registry;
	int root_fd;
	struct pull_layer *layers;
	size_t layer_count;
	struct pull_layer **missing; /* borrowed */
	size_t missing_count;
};

/* Layers that may be kept elsewhere than in a registry. Where the registry has it, it is a layer like others. */
static bool layer_type_is_foreign(const char *media_type)
{
	static const char *const foreign[] = {
		"application/vnd.docker.image.rootfs.foreign.diff.tar",
		"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
	};
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		if (media_type && strcmp(foreign[i], media_type) == 0)
			return true;
	return false;
}

static bool layer_type_is_known(const char *media_type)
{
	static const char *const known[] = {
		MEDIA_TYPE_OCI_LAYER,
		MEDIA_TYPE_OCI_LAYER_GZIP,
		MEDIA_TYPE_OCI_LAYER_ZSTD,
		MEDIA_TYPE_DOCKER_LAYER_GZIP,
		"application/vnd.docker.image.rootfs.diff.tar",
		"application/vnd.docker.image.rootfs.diff.tar.zstd",
	};
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (media_type && strcmp(known[i], media_type) == 0)
			return true;
	return layer_type_is_foreign(media_type);
}

static int check_types(const struct manifest *manifest, struct error *err)
{
	const char *config = manifest->config.media_type ? manifest->config.media_type : "";
	if (strcmp(config, MEDIA_TYPE_OCI_CONFIG) != 0 && strcmp(config, MEDIA_TYPE_DOCKER_CONFIG) != 0)
		return error_set(err, ERROR_UNSUPPORTED,
				 "this is no image that can be run: its configuration is of type %.100s", config);
	for (size_t i = 0; i < manifest->layer_count; i++) {
		const char *type = manifest->layers[i].media_type ? manifest->layers[i].media_type : "";
		if (!layer_type_is_known(type))
			return error_set(
				err, ERROR_UNSUPPORTED,
				"layer %s is of type %.100s, which is not unpacked here: only layers that the registry "
				"itself keeps, plain or compressed by gzip or zstd",
				manifest->layers[i].digest.text, type);
	}
	return 0;
}

static int check_config(const struct request *request, const struct manifest *manifest,
			const struct image_config *config, struct error *err)
{
	if (config->diff_id_count != manifest->layer_count)
		return error_set(err, ERROR_INVALID, "the manifest has %zu layers, its configuration %zu",
				 manifest->layer_count, config->diff_id_count);
	if (!config->platform.os[0] || !config->platform.architecture[0] ||
	    platform_matches(&request->platform, &config->platform))
		return 0;
	cleanup_free char *wanted = platform_text(&request->platform);
	cleanup_free char *offered = platform_text(&config->platform);
	return error_set(err, ERROR_NOT_FOUND,
			 "no matching manifest for %s: the image exists for %s only. Ask for that with --platform %s",
			 wanted, offered, offered);
}

static void tell_downloading(void *context, uint64_t current)
{
	struct pull_layer *layer = context;
	progress_tell(&layer->progress, "Downloading", current, layer->blob->size);
}

/* Two pulls of one layer share the work: the second waits, and finds it done or goes on where the first one stopped. */
static int open_partial(struct pull_job *job, struct pull_layer *layer, struct partial *ret_partial, struct error *err)
{
	for (;;) {
		struct error why = {0};
		if (partial_open(job->root_fd, &layer->blob->digest, ret_partial, &why) == 0)
			return 0;
		if (why.kind != ERROR_CONFLICT) {
			*err = why;
			return -1;
		}
		progress_tell(&layer->progress, "Waiting", 0, 0);
		if (cancel_sleep(CANCEL_POLL_MILLISECONDS, err) < 0)
			return -1;
	}
}

static int receive_layer(struct pull_job *job, struct pull_layer *layer, struct http *http, struct partial *partial,
			 struct layer_staging *ret_staging, struct error *err)
{
	cleanup_download struct download *download = download_new(
		job->registry, http, request_remote_path(job->request), layer->blob, tell_downloading, layer);
	download_keep(download, partial);
	struct source source = download_source(download);
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	struct digest diff_id;
	tell_downloading(layer, partial->size);
	int outcome = unpack_layer(job->root_fd, &source, layer->blob->size, &layer->diff_id, &staging, &diff_id,
				   &layer->totals, err);
	/* Bytes that are not those of the digest explain best why they could not be unpacked. */
	if (outcome < 0 && (err->kind == ERROR_INVALID || err->kind == ERROR_CORRUPT)) {
		struct error why = {0};
		if (download_finish(download, &why) < 0 && why.kind == ERROR_CORRUPT)
			*err = why;
	}
	if (outcome < 0)
		return -1;
	progress_tell(&layer->progress, "Verifying Checksum", 0, 0);
	if (download_finish(download, err) < 0)
		return -1;
	if (!digest_equal(&diff_id, &layer->diff_id))
		return error_set(err, ERROR_CORRUPT, "its content is %s, and %s in the image's configuration",
				 diff_id.text, layer->diff_id.text);
	*ret_staging = staging;
	staging = LAYER_STAGING_INIT;
	return 0;
}

/* What was kept and turns out not to be the blob is forgotten, and the blob asked for once more from its beginning. */
static int receive_anew(struct pull_job *job, struct pull_layer *layer, struct http *http, struct partial *partial,
			struct layer_staging *ret_staging, struct error *err)
{
	bool was_kept = partial->size > 0;
	int outcome = receive_layer(job, layer, http, partial, ret_staging, err);
	if (outcome == 0 || (err->kind != ERROR_INVALID && err->kind != ERROR_CORRUPT && err->kind != ERROR_LIMIT &&
			     err->kind != ERROR_UNSUPPORTED))
		return outcome;
	partial_cut(partial, 0);
	if (!was_kept)
		return -1;
	error_clear(err);
	outcome = receive_layer(job, layer, http, partial, ret_staging, err);
	if (outcome < 0 && (err->kind == ERROR_INVALID || err->kind == ERROR_CORRUPT))
		partial_cut(partial, 0);
	return outcome;
}

/*
 * A layer whose archive has no record (layer_record.h), since a name comes twice in it, can be saved, pushed and
 * verified from its blob alone: what came becomes one. Where another pull has just taken it over, that one does so.
 */
static int keep_blob(struct pull_job *job, const struct pull_layer *layer, struct partial *partial, struct error *err)
{
	struct error why = {0};
	struct blob_upload *upload;
	char id[BLOB_UPLOAD_ID_SIZE];
	if (partial->is_stopped || partial->size != layer->blob->size)
		return 0;
	static_assert(sizeof id == sizeof partial->name, "what is partial is an upload");
	memcpy(id, partial->name, sizeof id);
	partial_release(partial);
	cleanup_close int blobs_fd = open_folder_at(job->root_fd, "blobs", true, 0700, err);
	cleanup_blob_store struct blob_store *blobs = NULL;
	if (blobs_fd < 0 || blob_store_open_files(blobs_fd, &blobs, err) < 0)
		return -1;
	if (blobs->operations->upload_open(blobs, id, &upload, &why) < 0) {
		if (why.kind == ERROR_CONFLICT || why.kind == ERROR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	if (blobs->operations->upload_commit(upload, &layer->blob->digest, err) == 0)
		return 0;
	blobs->operations->upload_suspend(upload);
	return -1;
}

/* The addresses that a manifest names are of anybody's choosing, and never asked (CVE-2020-15157). */
static int explain_foreign(const struct pull_layer *layer, struct error *err)
{
	if (err->kind == ERROR_NOT_FOUND && layer_type_is_foreign(layer->blob->media_type))
		return error_set(err, ERROR_NOT_FOUND,
				 "layer %s is a foreign layer (%s): the registry does not have it, and other addresses "
				 "are not asked for layers. Ask who published the image to push that layer too",
				 layer->progress.id, layer->blob->media_type);
	return error_wrap(err, "layer %s", layer->progress.id);
}

static int pull_layer(void *context, size_t index, struct http *http, struct error *err)
{
	struct pull_job *job = context;
	struct pull_layer *layer = job->missing[index];
	cleanup_partial struct partial partial = PARTIAL_INIT;
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	if (open_partial(job, layer, &partial, err) < 0)
		return error_wrap(err, "layer %s", layer->progress.id);
	if (!layer->is_damaged && layer_folder_exists(job->root_fd, &layer->diff_id)) {
		partial_remove(&partial);
		layer->state = LAYER_PRESENT;
		progress_tell(&layer->progress, "Already exists", 0, 0);
		return 0;
	}
	if (receive_anew(job, layer, http, &partial, &staging, err) < 0)
		return explain_foreign(layer, err);
	progress_tell(&layer->progress, "Download complete", 0, 0);
	progress_tell(&layer->progress, "Extracting", layer->blob->size, layer->blob->size);
	if (!staging.has_record && keep_blob(job, layer, &partial, err) < 0)
		return error_wrap(err, "layer %s", layer->progress.id);
	/* Verified and unpacked: what is kept would only be written to the disk by the sync of the layer. */
	partial_cut(&partial, 0);
	if (layer->is_damaged) {
		layer->waiting = staging;
		staging = LAYER_STAGING_INIT;
	} else if (layer_staging_commit(&staging, &layer->diff_id, err) < 0) {
		return error_wrap(err, "layer %s", layer->progress.id);
	}
	partial_remove(&partial);
	progress_tell(&layer->progress, "Pull complete", 0, 0);
	return 0;
}

static bool came_before(const struct pull_job *job, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (digest_equal(&job->layers[i].diff_id, &job->layers[index].diff_id))
			return true;
	return false;
}

static bool is_replaced(const struct request *request, const struct digest *diff_id)
{
	for (size_t i = 0; i < request->replaced_count; i++)
		if (digest_equal(&request->replaced[i], diff_id))
			return true;
	return false;
}

static void plan(struct pull_job *job, const struct manifest *manifest, const struct image_config *config)
{
	job->layer_count = manifest->layer_count;
	job->layers = allocate_array(job->layer_count + 1, sizeof *job->layers);
	job->missing = allocate_array(job->layer_count + 1, sizeof(struct pull_layer *));
	for (size_t i = 0; i < job->layer_count; i++) {
		struct pull_layer *layer = &job->layers[i];
		layer->blob = &manifest->layers[i];
		layer->diff_id = config->diff_ids[i];
		layer->is_damaged = is_replaced(job->request, &layer->diff_id);
		layer->waiting = LAYER_STAGING_INIT;
		progress_init(&layer->progress, &layer->blob->digest);
		if (!layer->is_damaged && layer_folder_exists(job->root_fd, &layer->diff_id))
			layer->state = LAYER_PRESENT;
		else if (came_before(job, i))
			layer->state = LAYER_TWICE;
		else
			job->missing[job->missing_count++] = layer;
		progress_tell(&layer->progress, layer->state == LAYER_PRESENT ? "Already exists" : "Pulling fs layer",
			      0, 0);
	}
	for (size_t i = WORKERS_MAX; i < job->missing_count; i++)
		progress_tell(&job->missing[i]->progress, "Waiting", 0, 0);
}

static void tell_twice(struct pull_job *job)
{
	for (size_t i = 0; i < job->layer_count; i++)
		if (job->layers[i].state == LAYER_TWICE)
			progress_tell(&job->layers[i].progress, "Already exists", 0, 0);
}

static int store_documents(const struct pull_job *job, const struct resolved *resolved, const struct buffer *config,
			   struct error *err)
{
	cleanup_close int blobs_fd = open_folder_at(job->root_fd, "blobs", true, 0700, err);
	cleanup_blob_store struct blob_store *blobs = NULL;
	if (blobs_fd < 0 || blob_store_open_files(blobs_fd, &blobs, err) < 0 ||
	    blob_write_as(blobs, buffer_text(config), config->size, &resolved->manifest.config.digest, err) < 0)
		return -1;
	/* The index tells later which of the images here are one name's, each for its platform. */
	if (resolved->index.size && blob_write_as(blobs, buffer_text(&resolved->index), resolved->index.size,
						  &resolved->repository_digest, err) < 0)
		return -1;
	return blob_write_as(blobs, buffer_text(&resolved->bytes), resolved->bytes.size, &resolved->digest, err);
}

/* From here on they are the caller's. */
static int hand_over(struct pull_job *job, json_t *layers, struct error *err)
{
	for (size_t i = 0; i < job->layer_count; i++) {
		struct pull_layer *layer = &job->layers[i];
		struct layer_waiting waiting;
		json_t *item = json_array_get(layers, i);
		if (layer->waiting.folder_fd < 0)
			continue;
		if (layer_staging_leave(&layer->waiting, &waiting, err) < 0)
			return -1;
		json_object_set_new(item, "staging", json_string(waiting.name));
		json_object_set_new(item, "has_record", json_boolean(waiting.has_record));
	}
	return 0;
}

static json_t *describe_layers(const struct pull_job *job)
{
	json_t *layers = json_array();
	for (size_t i = 0; i < job->layer_count; i++) {
		const struct pull_layer *layer = &job->layers[i];
		json_t *item = json_pack("{s:s, s:s, s:s, s:I}", "diff_id", layer->diff_id.text, "digest",
					 layer->blob->digest.text, "media_type", layer->blob->media_type, "size",
					 (json_int_t)layer->blob->size);
		if (layer->state == LAYER_MISSING)
			json_object_set_new(item, "bytes", json_integer((json_int_t)layer->totals.bytes));
		json_array_append_new(layers, item);
	}
	return layers;
}

static int pull_resolved(struct pull_job *job, struct http *http, const struct resolved *resolved, json_t **ret_done,
			 struct error *err)
{
	cleanup_buffer struct buffer bytes = {0};
	cleanup_image_config struct image_config config = {0};
	if (check_types(&resolved->manifest, err) < 0)
		return -1;
	if (download_document(job->registry, http, request_remote_path(job->request), &resolved->manifest.config,
			      IMAGE_CONFIG_SIZE_LIMIT, &bytes, err) < 0 ||
	    image_config_parse(buffer_text(&bytes), bytes.size, &config, err) < 0)
		return error_wrap(err, "read the image's configuration");
	if (check_config(job->request, &resolved->manifest, &config, err) < 0)
		return -1;
	plan(job, &resolved->manifest, &config);
	if (workers_run(job->missing_count, http, pull_layer, job, err) < 0)
		return -1;
	tell_twice(job);
	if (store_documents(job, resolved, &bytes, err) < 0)
		return error_wrap(err, "store the image's manifest");
	cleanup_json json_t *layers = describe_layers(job);
	if (hand_over(job, layers, err) < 0)
		return -1;
	*ret_done =
		json_pack("{s:s, s:s, s:I, s:O}", "manifest", resolved->digest.text, "repository_digest",
			  resolved->repository_digest.text, "size", (json_int_t)resolved->bytes.size, "layers", layers);
	return 0;
}

struct pull_from {
	struct http *http;
	int root_fd;
	json_t *done;
};

static int pull_from(void *context, struct registry *registry, const struct request *asked, struct error *err)
{
	struct pull_from *from = context;
	cleanup_resolved struct resolved resolved = {0};
	if (resolve(registry, from->http, asked, &resolved, err) < 0)
		return -1;
	struct pull_job job = {.request = asked, .registry = registry, .root_fd = from->root_fd};
	int outcome = pull_resolved(&job, from->http, &resolved, &from->done, err);
	for (size_t i = 0; i < job.layer_count; i++)
		layer_staging_release(&job.layers[i].waiting);
	free(job.layers);
	free(job.missing);
	if (outcome < 0 && err && err->kind != ERROR_CANCELLED) {
		cleanup_free char *name = request_familiar_reference(asked);
		return error_wrap(err, "pull %s", name);
	}
	return outcome;
}

int pull(const struct request *request, struct http *http, json_t **ret_done, struct error *err)
{
	cleanup_close int root_fd = open_folder(request->root, false, 0, err);
	struct pull_from from = {.http = http, .root_fd = root_fd};
	if (root_fd < 0 || source_try_each(request, http, pull_from, &from, err) < 0)
		return -1;
	*ret_done = from.done;
	return 0;
}
