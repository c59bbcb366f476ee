/*
 * A push: layers, up to three side by side, then the configuration, then the manifest under its tag, so that whoever
 * sees the tag can have all of it. What is sent are the bytes that have been there since the build.
 *
 * Some layers have to be compressed first (recompress.h): those that were loaded plain, those that are not in the form
 * that is asked for, and those that are neither here as a blob nor to be had from a registry. The manifest is then
 * another, of the same configuration. It is known before anything is compressed where that was done once before, so
 * that pushing again costs one request here too.
 */
#include <string.h>

#include "base/fd.h"
#include "oci/manifest.h"
#include "oci/media_type.h"
#include "store/blob.h"
#include "store/recompress.h"
#include "transfer/cancel.h"
#include "transfer/manifest_put.h"
#include "transfer/operations.h"
#include "transfer/progress.h"
#include "transfer/push_manifest.h"
#include "transfer/registry.h"
#include "transfer/source.h"
#include "transfer/upload.h"
#include "transfer/workers.h"

#define ORIGIN_LIMIT 16 /* registries that layers are copied from */

enum push_form {
	PUSH_AS_IT_IS,
	PUSH_COMPRESSED, /* its new descriptor is known once it was compressed */
	PUSH_RECALLED,	 /* the same, and it is known already */
};

struct push_layer {
	struct upload upload; /* upload.blob points to `blob` */
	struct progress progress;
	struct descriptor blob; /* as it is sent */
	const struct descriptor *original;
	struct digest diff_id; /* unset where not said */
	enum push_form form;
	enum compression kind; /* to be compressed by */
};

struct push_job {
	const struct request *request;
	struct http *http; /* of the thread that began */
	struct registry *registry;
	struct registry *origins[ORIGIN_LIMIT]; /* owned */
	size_t origin_count;
	struct blob_store *blobs;
	int root_fd;
	struct manifest manifest;
	struct buffer bytes;	/* of the manifest as it is sent */
	struct digest digest;	/* of those */
	const char *media_type; /* of those */
	bool is_asked;		/* --compression was given */
	enum compression asked;
	int64_t level;
	struct push_layer *layers;
	size_t layer_count;
	struct push_layer **of_manifest; /* of each layer of the manifest; borrowed */
};

static void push_job_release(struct push_job *job)
{
	for (size_t i = 0; i < job->origin_count; i++)
		registry_free(job->origins[i]);
	registry_free(job->registry);
	blob_store_free(job->blobs);
	manifest_release(&job->manifest);
	buffer_release(&job->bytes);
	for (size_t i = 0; i < job->layer_count; i++)
		descriptor_release(&job->layers[i].blob);
	free(job->layers);
	free(job->of_manifest);
	if (job->root_fd >= 0)
		close(job->root_fd);
}
#define cleanup_push_job CLEANUP(push_job_release)

static int open_blobs(struct push_job *job, struct error *err)
{
	job->root_fd = open_folder(job->request->root, false, 0, err);
	if (job->root_fd < 0)
		return -1;
	cleanup_close int blobs_fd = open_folder_at(job->root_fd, "blobs", false, 0, err);
	if (blobs_fd < 0 || blob_store_open_files(blobs_fd, &job->blobs, err) < 0)
		return error_wrap(err, "open the store %s", job->request->root);
	if (blob_read(job->blobs, &job->request->manifest, MANIFEST_SIZE_LIMIT, &job->bytes, err) < 0 ||
	    manifest_parse(buffer_text(&job->bytes), job->bytes.size, NULL, &job->manifest, err) < 0)
		return error_wrap(err, "read the image's manifest");
	job->digest = job->request->manifest;
	job->media_type = job->manifest.media_type ? job->manifest.media_type : MEDIA_TYPE_OCI_MANIFEST;
	return 0;
}

static int read_compression(struct push_job *job, struct error *err)
{
	const char *name = NULL;
	if (json_get_string(job->request->members, "compression", &name, err) < 0 ||
	    json_get_integer(job->request->members, "compression_level", &job->level, err) < 0)
		return -1;
	job->is_asked = name != NULL;
	return recompress_parse(name ? name : "gzip", job->level, &job->asked, err);
}

static int stop_where_asked(struct error *err)
{
	return cancel_is_requested() ? cancel_error(err) : 0;
}

static struct recompress recompress_of(const struct push_job *job, const struct push_layer *layer)
{
	return (struct recompress){.root_fd = job->root_fd,
				   .blobs = job->blobs,
				   .diff_id = layer->diff_id,
				   .kept = layer->original,
				   .kind = layer->kind,
				   .level = (int)job->level,
				   .check = stop_where_asked};
}

/* A layer goes as it is, unless it is plain or not as was asked for. */
static void choose_form(struct push_job *job, struct push_layer *layer)
{
	enum compression kind;
	layer->kind = job->asked;
	if (!digest_is_set(&layer->diff_id) || !recompress_kind_of(layer->original->media_type, &kind))
		return;
	if (!job->is_asked && kind != COMPRESSION_NONE)
		layer->kind = kind; /* should it be missed */
	if (kind == layer->kind)
		return;
	struct recompress recompress = recompress_of(job, layer);
	layer->form = recompress_recall(&recompress, &layer->blob) ? PUSH_RECALLED : PUSH_COMPRESSED;
}

static const struct request_layer *find_layer(const struct request *request, const struct digest *digest)
{
	for (size_t i = 0; i < request->layer_count; i++)
		if (digest_equal(&request->layers[i].digest, digest))
			return &request->layers[i];
	return NULL;
}

/* The registry of that name: ours, or one more with its own credentials. Before there are threads: a helper may be run.
 */
static int origin_for(struct push_job *job, struct http *http, const char *domain, const char *path,
		      struct registry **ret_origin, struct error *err)
{
	if (strcmp(domain, job->registry->domain) == 0) {
		*ret_origin = job->registry;
		return 0;
	}
	for (size_t i = 0; i < job->origin_count; i++)
		if (strcmp(domain, job->origins[i]->domain) == 0) {
			*ret_origin = job->origins[i];
			return 0;
		}
	if (job->origin_count == ORIGIN_LIMIT)
		return error_set(err, ERROR_LIMIT, "the layers come from more than %d registries", ORIGIN_LIMIT);
	if (source_other(domain, path, http, &job->origins[job->origin_count], err) < 0)
		return -1;
	*ret_origin = job->origins[job->origin_count++];
	return 0;
}

static struct push_layer *came_before(const struct push_job *job, const struct digest *digest)
{
	for (size_t i = 0; i < job->layer_count; i++)
		if (digest_equal(&job->layers[i].original->digest, digest))
			return &job->layers[i];
	return NULL;
}

static int plan(struct push_job *job, struct http *http, struct error *err)
{
	job->layers = allocate_array(job->manifest.layer_count + 1, sizeof *job->layers);
	job->of_manifest = allocate_array(job->manifest.layer_count + 1, sizeof(struct push_layer *));
	for (size_t i = 0; i < job->manifest.layer_count; i++) {
		const struct descriptor *blob = &job->manifest.layers[i];
		const struct request_layer *known = find_layer(job->request, &blob->digest);
		job->of_manifest[i] = came_before(job, &blob->digest);
		if (job->of_manifest[i])
			continue;
		struct push_layer *layer = &job->layers[job->layer_count++];
		job->of_manifest[i] = layer;
		layer->original = blob;
		descriptor_copy(&layer->blob, blob);
		if (known)
			layer->diff_id = known->diff_id;
		choose_form(job, layer);
		progress_init(&layer->progress,
			      known && digest_is_set(&known->diff_id) ? &known->diff_id : &blob->digest);
		layer->upload = (struct upload){.registry = job->registry,
						.path = job->request->path,
						.blob = &layer->blob,
						.blobs = job->blobs,
						.progress = &layer->progress};
		if (known && known->source_domain) {
			if (origin_for(job, http, known->source_domain, known->source_path, &layer->upload.origin,
				       err) < 0)
				return -1;
			layer->upload.origin_path = known->source_path;
		}
		progress_tell(&layer->progress, job->layer_count <= WORKERS_MAX ? "Preparing" : "Waiting", 0, 0);
	}
	return 0;
}

static int compress(const struct push_job *job, struct push_layer *layer, struct error *err)
{
	struct recompress recompress = recompress_of(job, layer);
	progress_tell(&layer->progress, "Preparing", 0, 0);
	if (recompress_layer(&recompress, &layer->blob, err) < 0)
		return -1;
	layer->form = PUSH_RECALLED;
	return 0;
}

/* One that was compressed once is compressed again only where neither we nor the registry have it. */
static int is_missing(const struct push_layer *layer, struct http *http, bool *ret_is_missing, struct error *err)
{
	struct blob_store *blobs = layer->upload.blobs;
	struct blob_info info;
	bool exists;
	*ret_is_missing = false;
	if (blobs->operations->stat(blobs, &layer->blob.digest, &info, NULL) == 0)
		return 0;
	if (upload_blob_exists(&layer->upload, http, &exists, err) < 0)
		return -1;
	*ret_is_missing = !exists;
	return 0;
}

/* Neither kept here, nor at its registry any more: what is unpacked here will do. */
static int push_rebuilt(struct push_job *job, struct push_layer *layer, struct http *http, struct error *err)
{
	struct error why = {0};
	if (compress(job, layer, &why) < 0)
		return -1; /* the failure before says more */
	error_clear(err);
	layer->upload.origin = NULL;
	return upload_blob(&layer->upload, http, err);
}

static int push_layer(void *context, size_t index, struct http *http, struct error *err)
{
	struct push_job *job = context;
	struct push_layer *layer = &job->layers[index];
	bool must_compress = layer->form == PUSH_COMPRESSED;
	if (layer->form != PUSH_AS_IT_IS)
		layer->upload.origin = NULL; /* which has another form of it */
	if (layer->form == PUSH_RECALLED && is_missing(layer, http, &must_compress, err) < 0)
		return -1;
	if (must_compress && compress(job, layer, err) < 0)
		return -1;
	int result = upload_blob(&layer->upload, http, err);
	if (result < 0 && err->kind == ERROR_NOT_FOUND && layer->form == PUSH_AS_IT_IS &&
	    digest_is_set(&layer->diff_id))
		result = push_rebuilt(job, layer, http, err);
	return result;
}

static bool form_is(const struct push_job *job, enum push_form form)
{
	for (size_t i = 0; i < job->layer_count; i++)
		if (job->layers[i].form == form)
			return true;
	return false;
}

/* The manifest of the layers as they are sent. */
static int settle_manifest(struct push_job *job, struct error *err)
{
	size_t count = job->manifest.layer_count;
	cleanup_free const struct descriptor **layers = allocate_array(count + 1, sizeof *layers);
	cleanup_buffer struct buffer bytes = {0};
	if (!form_is(job, PUSH_RECALLED))
		return 0;
	for (size_t i = 0; i < count; i++)
		layers[i] = &job->of_manifest[i]->blob;
	if (push_manifest_rewrite(&job->bytes, layers, count, &bytes, err) < 0)
		return error_wrap(err, "make the manifest of what is sent");
	buffer_release(&job->bytes);
	job->bytes = bytes;
	bytes = (struct buffer){0};
	job->media_type = MEDIA_TYPE_OCI_MANIFEST;
	digest_of_bytes(buffer_text(&job->bytes), job->bytes.size, &job->digest);
	return 0;
}

static struct manifest_put manifest_of(const struct push_job *job)
{
	return (struct manifest_put){.registry = job->registry,
				     .path = job->request->path,
				     .reference = job->request->tag,
				     .media_type = job->media_type,
				     .digest = &job->digest,
				     .bytes = &job->bytes};
}

static int push_everything(struct push_job *job, struct error *err)
{
	if (workers_run(job->layer_count, job->http, push_layer, job, err) < 0 || settle_manifest(job, err) < 0)
		return -1;
	struct upload config = {.registry = job->registry,
				.path = job->request->path,
				.blob = &job->manifest.config,
				.blobs = job->blobs};
	struct manifest_put put = manifest_of(job);
	return upload_blob(&config, job->http, err) < 0 || manifest_put(&put, job->http, err) < 0 ? -1 : 0;
}

/* What was sent is what the image is known by from now on, where it is not kept here as it was. */
static int keep_manifest(const struct push_job *job, json_t *done, struct error *err)
{
	struct digest ignored;
	if (!form_is(job, PUSH_RECALLED))
		return 0;
	json_t *layers = json_array();
	json_object_set_new(done, "layers", layers);
	for (size_t i = 0; i < job->manifest.layer_count; i++) {
		const struct push_layer *layer = job->of_manifest[i];
		json_array_append_new(layers, json_pack("{s:s, s:s, s:s, s:I}", "diff_id", layer->diff_id.text,
							"digest", layer->blob.digest.text, "media_type",
							layer->blob.media_type, "size", (json_int_t)layer->blob.size));
	}
	return blob_write(job->blobs, buffer_text(&job->bytes), job->bytes.size, &ignored, err);
}

int push(const struct request *request, struct http *http, json_t **ret_done, struct error *err)
{
	cleanup_push_job struct push_job job = {.request = request, .http = http, .root_fd = -1};
	bool is_unchanged = false;
	if (open_blobs(&job, err) < 0 || read_compression(&job, err) < 0 ||
	    source_own(request, http, &job.registry, err) < 0 || plan(&job, http, err) < 0)
		return -1;
	/* An unchanged image costs one request. */
	if (!form_is(&job, PUSH_COMPRESSED)) {
		if (settle_manifest(&job, err) < 0)
			return -1;
		struct manifest_put put = manifest_of(&job);
		if (manifest_is_there(&put, http, &is_unchanged, err) < 0)
			return -1;
	}
	for (size_t i = 0; is_unchanged && i < job.layer_count; i++)
		progress_tell(&job.layers[i].progress, "Layer already exists", 0, 0);
	if (!is_unchanged && push_everything(&job, err) < 0)
		return -1;
	cleanup_json json_t *done = json_pack("{s:s, s:s, s:I}", "manifest", job.digest.text, "repository_digest",
					      job.digest.text, "size", (json_int_t)job.bytes.size);
	if (keep_manifest(&job, done, err) < 0)
		return error_wrap(err, "keep the manifest of what was sent");
	*ret_done = steal_pointer(&done);
	return 0;
}
