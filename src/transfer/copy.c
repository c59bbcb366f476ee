#include "transfer/copy.h"

#include <string.h>

#include "oci/media_type.h"
#include "transfer/manifest_put.h"
#include "transfer/operations.h"
#include "transfer/source.h"
#include "transfer/workers.h"

#define DEPTH_LIMIT    4 /* of indexes in indexes */
#define DOCUMENT_LIMIT ((size_t)INDEX_ENTRY_LIMIT)

struct copy_blob {
	struct descriptor blob;
	struct progress progress;
};

struct copy_job {
	struct copy_source *source;
	struct copy_target *target;
	const struct copy_options *options;
	struct copy_document *documents; /* what an index names before it; the root last */
	size_t document_count;
	struct copy_blob *blobs;
	size_t blob_count;
};

static void job_release(struct copy_job *job)
{
	for (size_t i = 0; i < job->document_count; i++)
		copy_document_release(&job->documents[i]);
	for (size_t i = 0; i < job->blob_count; i++)
		descriptor_release(&job->blobs[i].blob);
	free(job->documents);
	free(job->blobs);
}

/* Layers that a registry does not keep, and that are had from elsewhere: Windows' base images. */
static bool is_foreign(const char *media_type)
{
	return media_type && (strstr(media_type, ".foreign.") || strstr(media_type, ".nondistributable."));
}

static void add_blob(struct copy_job *job, const struct descriptor *blob)
{
	if (is_foreign(blob->media_type))
		return;
	for (size_t i = 0; i < job->blob_count; i++)
		if (digest_equal(&job->blobs[i].blob.digest, &blob->digest))
			return;
	job->blobs = reallocate_array(job->blobs, job->blob_count + 1, sizeof *job->blobs);
	struct copy_blob *added = &job->blobs[job->blob_count++];
	*added = (struct copy_blob){0};
	descriptor_copy(&added->blob, blob);
}

/* Takes the document. */
static int add_document(struct copy_job *job, struct copy_document *document, struct error *err)
{
	if (job->document_count == DOCUMENT_LIMIT)
		return error_set(err, ERROR_LIMIT, "the image has more than %zu manifests", DOCUMENT_LIMIT);
	job->documents = reallocate_array(job->documents, job->document_count + 1, sizeof *job->documents);
	job->documents[job->document_count++] = *document;
	*document = (struct copy_document){0};
	return 0;
}

static int add_manifest(struct copy_job *job, struct copy_document *document, struct error *err)
{
	cleanup_manifest struct manifest manifest = {0};
	if (manifest_parse(buffer_text(&document->bytes), document->bytes.size, document->media_type, &manifest, err) <
	    0)
		return error_wrap(err, "manifest %s", document->digest.text);
	for (size_t i = 0; i < manifest.layer_count; i++)
		add_blob(job, &manifest.layers[i]);
	add_blob(job, &manifest.config);
	return add_document(job, document, err);
}

static int gather(struct copy_job *job, struct copy_document *document, struct http *http, int depth,
		  struct error *err);

static int gather_entry(struct copy_job *job, const struct descriptor *entry, struct http *http, int depth,
			struct error *err)
{
	CLEANUP(copy_document_release) struct copy_document document = {0};
	if (copy_source_document(job->source, http, entry, &document, err) < 0)
		return -1;
	return gather(job, &document, http, depth + 1, err);
}

static int gather_index(struct copy_job *job, struct copy_document *document, struct http *http, int depth,
			struct error *err)
{
	cleanup_index struct index index = {0};
	const struct index_entry *entry;
	if (depth == DEPTH_LIMIT)
		return error_set(err, ERROR_LIMIT, "more than %d indexes in one another", DEPTH_LIMIT);
	if (index_parse(buffer_text(&document->bytes), document->bytes.size, document->media_type, &index, err) < 0)
		return error_wrap(err, "index %s", document->digest.text);
	if (!job->options->all) {
		if (index_select(&index, &job->options->platform, &entry, err) < 0)
			return -1;
		return gather_entry(job, &entry->descriptor, http, depth, err);
	}
	if (job->target->address->kind == COPY_DOCKER_ARCHIVE)
		return error_set(err, ERROR_UNSUPPORTED,
				 "a docker-archive holds an image of one platform: leave out --all, or write an "
				 "oci-archive");
	for (size_t i = 0; i < index.entry_count; i++)
		if (gather_entry(job, &index.entries[i].descriptor, http, depth, err) < 0)
			return -1;
	return add_document(job, document, err);
}

/* Takes the document and, of an index, all below it. */
static int gather(struct copy_job *job, struct copy_document *document, struct http *http, int depth, struct error *err)
{
	cleanup_json json_t *parsed = NULL;
	enum document_kind kind;
	for (size_t i = 0; i < job->document_count; i++)
		if (digest_equal(&job->documents[i].digest, &document->digest))
			return 0;
	if (json_parse(buffer_text(&document->bytes), document->bytes.size, &parsed, err) < 0 ||
	    document_classify(parsed, document->media_type, &kind, err) < 0)
		return error_wrap(err, "manifest %s", document->digest.text);
	/* A layout's descriptor or a server may say nothing of use: the document knows what it is. */
	const char *own = NULL;
	json_get_string(parsed, "mediaType", &own, NULL);
	if (own || !document->media_type)
		replace_string(&document->media_type,
			       duplicate_string(own			 ? own
						: kind == DOCUMENT_INDEX ? MEDIA_TYPE_OCI_INDEX
									 : MEDIA_TYPE_OCI_MANIFEST));
	return kind == DOCUMENT_INDEX ? gather_index(job, document, http, depth, err)
				      : add_manifest(job, document, err);
}

static int copy_blob(void *context, size_t index, struct http *http, struct error *err)
{
	struct copy_job *job = context;
	struct copy_blob *blob = &job->blobs[index];
	if (copy_target_blob(job->target, job->source, &blob->blob, &blob->progress, http, err) < 0)
		return error_wrap(err, "blob %s", blob->progress.id);
	return 0;
}

static int copy_blobs(struct copy_job *job, struct http *http, struct error *err)
{
	for (size_t i = 0; i < job->blob_count; i++) {
		progress_init(&job->blobs[i].progress, &job->blobs[i].blob.digest);
		progress_tell(&job->blobs[i].progress, "Waiting", 0, 0);
	}
	if (copy_target_is_parallel(job->target))
		return workers_run(job->blob_count, http, copy_blob, job, err);
	for (size_t i = 0; i < job->blob_count; i++)
		if (copy_blob(job, i, http, err) < 0)
			return -1;
	return 0;
}

static int is_there(struct copy_job *job, const struct copy_document *root, struct http *http, bool *ret_is_there,
		    struct error *err)
{
	const struct request *registry = &job->target->address->registry;
	const struct manifest_put put = {.registry = job->target->registry,
					 .path = registry->path,
					 .reference = registry->tag ? registry->tag : root->digest.text,
					 .media_type = root->media_type,
					 .digest = &root->digest,
					 .bytes = &root->bytes};
	*ret_is_there = false;
	return job->target->registry ? manifest_is_there(&put, http, ret_is_there, err) : 0;
}

static int copy_gathered(struct copy_job *job, struct http *http, struct error *err)
{
	const struct copy_document *root = &job->documents[job->document_count - 1];
	bool unchanged;
	if (is_there(job, root, http, &unchanged, err) < 0)
		return -1;
	if (unchanged)
		return 0;
	if (copy_blobs(job, http, err) < 0)
		return -1;
	size_t count = job->target->registry ? job->document_count - 1 : job->document_count;
	for (size_t i = 0; i < count; i++)
		if (copy_target_document(job->target, &job->documents[i], http, err) < 0)
			return -1;
	return copy_target_finish(job->target, root, http, err);
}

int copy_image(struct copy_source *source, struct copy_target *target, const struct copy_options *options,
	       struct http *http, struct copy_document *ret_root, struct error *err)
{
	CLEANUP(job_release) struct copy_job job = {.source = source, .target = target, .options = options};
	CLEANUP(copy_document_release) struct copy_document root = {0};
	if (copy_source_root(source, http, &root, err) < 0 || gather(&job, &root, http, 0, err) < 0 ||
	    copy_gathered(&job, http, err) < 0)
		return -1;
	if (ret_root)
		*ret_root = job.documents[--job.document_count];
	return 0;
}
