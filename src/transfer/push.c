/*
 * A push: layers, up to three side by side, then the configuration, then the manifest under its tag, so that whoever
 * sees the tag can have all of it. What is sent are the bytes that have been there since the build: nothing is
 * compressed again.
 */
#include <string.h>

#include "base/fd.h"
#include "oci/manifest.h"
#include "oci/media_type.h"
#include "store/blob.h"
#include "transfer/cancel.h"
#include "transfer/operations.h"
#include "transfer/progress.h"
#include "transfer/registry.h"
#include "transfer/source.h"
#include "transfer/upload.h"
#include "transfer/workers.h"

#define ORIGIN_LIMIT 16 /* registries that layers are copied from */

struct push_layer {
	struct upload upload;
	struct progress progress;
};

struct push_job {
	const struct request *request;
	struct http *http; /* of the thread that began */
	struct registry *registry;
	struct registry *origins[ORIGIN_LIMIT]; /* owned */
	size_t origin_count;
	struct blob_store *blobs;
	struct manifest manifest;
	struct buffer bytes; /* of the manifest */
	struct push_layer *layers;
	size_t layer_count;
	bool is_unchanged;
};

static void push_job_release(struct push_job *job)
{
	for (size_t i = 0; i < job->origin_count; i++)
		registry_free(job->origins[i]);
	registry_free(job->registry);
	blob_store_free(job->blobs);
	manifest_release(&job->manifest);
	buffer_release(&job->bytes);
	free(job->layers);
}
#define cleanup_push_job CLEANUP(push_job_release)

static int open_blobs(struct push_job *job, struct error *err)
{
	cleanup_close int root_fd = open_folder(job->request->root, false, 0, err);
	if (root_fd < 0)
		return -1;
	cleanup_close int blobs_fd = open_folder_at(root_fd, "blobs", false, 0, err);
	if (blobs_fd < 0 || blob_store_open_files(blobs_fd, &job->blobs, err) < 0)
		return error_wrap(err, "open the store %s", job->request->root);
	if (blob_read(job->blobs, &job->request->manifest, MANIFEST_SIZE_LIMIT, &job->bytes, err) < 0 ||
	    manifest_parse(buffer_text(&job->bytes), job->bytes.size, NULL, &job->manifest, err) < 0)
		return error_wrap(err, "read the image's manifest");
	return 0;
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
	if (source_registry(domain, path, NULL, NULL, http, &job->origins[job->origin_count], err) < 0)
		return -1;
	*ret_origin = job->origins[job->origin_count++];
	return 0;
}

static bool came_before(const struct push_job *job, const struct digest *digest)
{
	for (size_t i = 0; i < job->layer_count; i++)
		if (digest_equal(&job->layers[i].upload.blob->digest, digest))
			return true;
	return false;
}

static int plan(struct push_job *job, struct http *http, struct error *err)
{
	job->layers = allocate_array(job->manifest.layer_count + 1, sizeof *job->layers);
	for (size_t i = 0; i < job->manifest.layer_count; i++) {
		const struct descriptor *blob = &job->manifest.layers[i];
		const struct request_layer *known = find_layer(job->request, &blob->digest);
		if (came_before(job, &blob->digest))
			continue;
		struct push_layer *layer = &job->layers[job->layer_count];
		progress_init(&layer->progress,
			      known && digest_is_set(&known->diff_id) ? &known->diff_id : &blob->digest);
		layer->upload = (struct upload){.registry = job->registry,
						.path = job->request->path,
						.blob = blob,
						.blobs = job->blobs,
						.progress = &layer->progress};
		if (known && known->source_domain) {
			if (origin_for(job, http, known->source_domain, known->source_path, &layer->upload.origin,
				       err) < 0)
				return -1;
			layer->upload.origin_path = known->source_path;
		}
		progress_tell(&layer->progress, job->layer_count < WORKERS_MAX ? "Preparing" : "Waiting", 0, 0);
		job->layer_count++;
	}
	return 0;
}

static int push_layer(void *context, size_t index, struct http *http, struct error *err)
{
	struct push_job *job = context;
	return upload_blob(&job->layers[index].upload, http, err);
}

static int put_manifest(void *context, struct retry *retry, struct error *err)
{
	struct push_job *job = context;
	const struct request *request = job->request;
	cleanup_free char *url =
		format_string("%s/v2/%s/manifests/%s", job->registry->base, request->path, request->tag);
	cleanup_string_list struct string_list scopes = {0};
	cleanup_string_list struct string_list headers = {0};
	registry_add_scope(&scopes, request->path, "pull,push");
	string_list_add_format(&headers, "Content-Type: %s",
			       job->manifest.media_type ? job->manifest.media_type : MEDIA_TYPE_OCI_MANIFEST);
	struct http_body body = {.bytes = buffer_text(&job->bytes), .size = job->bytes.size, .fd = -1};
	struct registry_call call = {
		.method = "PUT", .url = url, .scopes = &scopes, .headers = &headers, .body = &body, .retry = retry};
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	if (registry_expect(job->registry, job->http, &call, 201, 200, &exchange, err) < 0)
		return -1;
	const char *said = http_response(exchange)->content_digest;
	if (said && strcmp(said, request->manifest.text) != 0)
		return error_set(err, ERROR_CORRUPT, "the registry stored the manifest as %.140s, and not as %s", said,
				 request->manifest.text);
	return 0;
}

/*
 * Whether the tag means this very manifest there. A registry takes a manifest only when it has all that it names, so
 * then there is nothing to do: an unchanged image costs one request. Anything but a clear yes is a no.
 */
static int ask_whether_unchanged(void *context, struct retry *retry, struct error *err)
{
	struct push_job *job = context;
	const struct request *request = job->request;
	cleanup_free char *url =
		format_string("%s/v2/%s/manifests/%s", job->registry->base, request->path, request->tag);
	cleanup_string_list struct string_list scopes = {0};
	cleanup_string_list struct string_list headers = {0};
	registry_add_scope(&scopes, request->path, "pull,push");
	string_list_add_format(&headers, "Accept: %s",
			       job->manifest.media_type ? job->manifest.media_type : MEDIA_TYPE_OCI_MANIFEST);
	struct registry_call call = {
		.method = "HEAD", .url = url, .scopes = &scopes, .headers = &headers, .retry = retry};
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	if (registry_open(job->registry, job->http, &call, &exchange, err) < 0)
		return -1;
	const struct http_response *response = http_response(exchange);
	if (response->status == 429 || response->status >= 500)
		return registry_failure(job->registry, exchange, NULL, err);
	job->is_unchanged = response->status == 200 && response->content_digest &&
			    strcmp(response->content_digest, request->manifest.text) == 0;
	return 0;
}

static int push_everything(struct push_job *job, struct error *err)
{
	if (workers_run(job->layer_count, job->http, push_layer, job, err) < 0)
		return -1;
	struct upload config = {.registry = job->registry,
				.path = job->request->path,
				.blob = &job->manifest.config,
				.blobs = job->blobs};
	struct retry retry = {.is_patient = true};
	return upload_blob(&config, job->http, err) < 0 ? -1 : retry_until(&retry, put_manifest, job, err);
}

int push(const struct request *request, struct http *http, json_t **ret_done, struct error *err)
{
	cleanup_push_job struct push_job job = {.request = request, .http = http};
	struct retry retry = {0};
	if (open_blobs(&job, err) < 0 ||
	    source_registry(request->domain, request->path, request->username, request->password, http, &job.registry,
			    err) < 0 ||
	    plan(&job, http, err) < 0 || retry_until(&retry, ask_whether_unchanged, &job, err) < 0)
		return -1;
	for (size_t i = 0; job.is_unchanged && i < job.layer_count; i++)
		progress_tell(&job.layers[i].progress, "Layer already exists", 0, 0);
	if (!job.is_unchanged && push_everything(&job, err) < 0)
		return -1;
	*ret_done = json_pack("{s:s, s:s, s:I}", "manifest", request->manifest.text, "repository_digest",
			      request->manifest.text, "size", (json_int_t)job.bytes.size);
	return 0;
}
