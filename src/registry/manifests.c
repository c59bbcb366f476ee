/* Manifests by tag or digest, and what refers to them. */
#include <inttypes.h>
#include <string.h>

#include "oci/manifest.h"
#include "oci/media_type.h"
#include "oci/reference.h"
#include "registry/handlers.h"
#include "registry/manifest_document.h"
#include "registry/response.h"

#define REFERRER_LIMIT	    1000
#define REFERRER_BYTE_LIMIT ((size_t)4 * 1024 * 1024)

static int manifest_unknown(struct request *request)
{
	response_error(request, OCI_MANIFEST_UNKNOWN, 0, NULL);
	return 0;
}

/* A reference with a colon is a digest; false with an answer given where it is neither digest nor tag. */
static bool read_reference(struct request *request, bool *ret_is_digest, struct digest *ret_digest)
{
	struct error err = {0};
	*ret_is_digest = strchr(request->reference, ':') != NULL;
	if (*ret_is_digest) {
		if (digest_parse(request->reference, ret_digest, &err) == 0)
			return true;
		response_error(request, OCI_DIGEST_INVALID, 0, "%s", err.message);
		return false;
	}
	if (reference_tag_is_valid(request->reference))
		return true;
	/* What cannot be a tag can be sent by mistake; asked for, it is merely not there. */
	response_error(request, request->method == HTTP_PUT ? OCI_TAG_INVALID : OCI_MANIFEST_UNKNOWN, 0, NULL);
	return false;
}

static int read_bytes(struct request *request, const struct digest *digest, struct cached_manifest **ret_manifest,
		      struct error *err)
{
	struct registry *registry = request->registry;
	struct cached_manifest *manifest = manifest_cache_get(registry->manifests, digest);
	if (manifest) {
		registry->metrics.manifest_cache_hits++;
	} else {
		cleanup_buffer struct buffer bytes = {0};
		registry->metrics.manifest_cache_misses++;
		if (blob_read(registry->blobs, digest, MANIFEST_SIZE_LIMIT, &bytes, err) < 0)
			return -1;
		size_t size = bytes.size;
		manifest = manifest_cache_put(registry->manifests, digest, buffer_steal(&bytes), size);
	}
	*ret_manifest = manifest;
	return 0;
}

int manifest_get(struct request *request, struct error *err)
{
	struct metadata *metadata = request->registry->metadata;
	cleanup_metadata_manifest struct metadata_manifest manifest = {0};
	bool is_digest;
	struct digest digest;
	if (!read_reference(request, &is_digest, &digest))
		return 0;
	int result =
		is_digest ? metadata->operations->manifest_find(metadata, request->name, &digest, &manifest, err)
			  : metadata->operations->tag_find(metadata, request->name, request->reference, &manifest, err);
	if (result < 0)
		return err->kind == ERROR_NOT_FOUND ? manifest_unknown(request) : -1;
	const char *tags = request_header(request, "If-None-Match");
	if (tags && strstr(tags, manifest.digest.text)) {
		response_empty(request, 304);
	} else {
		struct cached_manifest *bytes;
		if (read_bytes(request, &manifest.digest, &bytes, err) < 0)
			return -1;
		response_manifest(request, manifest.media_type, bytes);
	}
	response_header(request, "Docker-Content-Digest", manifest.digest.text);
	response_header_format(request, "ETag", "\"%s\"", manifest.digest.text);
	return 0;
}

int manifest_put_begin(struct request *request, struct error *err)
{
	bool is_digest;
	struct digest digest;
	read_reference(request, &is_digest, &digest);
	return 0;
}

/* The manifest's bytes as a durable blob under its digest. */
static int store(struct request *request, bool is_digest, struct digest *digest, struct error *err)
{
	struct blob_store *blobs = request->registry->blobs;
	if (!is_digest || digest_algorithm_of(digest) == DIGEST_SHA256)
		return blob_write(blobs, request->body.bytes, request->body.size, digest, err);
	struct blob_upload *upload;
	if (blobs->operations->upload_open(blobs, NULL, &upload, err) < 0)
		return -1;
	if (blobs->operations->upload_append(upload, request->body.bytes, request->body.size, err) == 0 &&
	    blobs->operations->upload_commit(upload, digest, err) == 0)
		return 0;
	blobs->operations->upload_abort(upload);
	return -1;
}

static int refuse_references(struct request *request, const struct error *err)
{
	if (err->kind == ERROR_NOT_FOUND)
		response_error(request, OCI_MANIFEST_BLOB_UNKNOWN, 0, "%s", err->message);
	else if (err->kind == ERROR_INVALID)
		response_error(request, OCI_MANIFEST_INVALID, 0, "%s", err->message);
	else
		return -1;
	return 0;
}

int manifest_put(struct request *request, struct error *err)
{
	struct metadata *metadata = request->registry->metadata;
	const struct buffer *body = &request->body;
	cleanup_manifest_document struct manifest_document document = {0};
	bool is_digest;
	struct digest digest;
	if (!read_reference(request, &is_digest, &digest))
		return 0;
	if (is_digest && digest_verify_bytes(&digest, buffer_text(body), body->size, err) < 0) {
		response_error(request, OCI_DIGEST_INVALID, 0, "%s", err->message);
		return 0;
	}
	if (manifest_document_parse(buffer_text(body), body->size, request_header(request, "Content-Type"), &document,
				    err) < 0) {
		response_error(request, OCI_MANIFEST_INVALID, 0, "%s", err->message);
		return 0;
	}
	/* Before anything is written, and once more with the rows. */
	if (metadata->operations->references_check(metadata, request->name, document.references,
						   document.reference_count, err) < 0)
		return refuse_references(request, err);
	if (store(request, is_digest, &digest, err) < 0)
		return -1;
	document.manifest.digest = digest;
	if (manifest_document_describe(&document, body->bytes, body->size, err) < 0)
		return -1;
	if (metadata->operations->manifest_put(metadata, request->name, &document.manifest, document.references,
					       document.reference_count, is_digest ? NULL : request->reference,
					       err) < 0)
		return refuse_references(request, err);
	request->registry->metrics.manifests_put++;
	response_empty(request, 201);
	response_header_format(request, "Location", "/v2/%s/manifests/%s", request->name, digest.text);
	response_header(request, "Docker-Content-Digest", digest.text);
	if (digest_is_set(&document.manifest.subject))
		response_header(request, "OCI-Subject", document.manifest.subject.text);
	return 0;
}

int manifest_delete(struct request *request, struct error *err)
{
	struct metadata *metadata = request->registry->metadata;
	bool is_digest;
	struct digest digest;
	if (!read_reference(request, &is_digest, &digest))
		return 0;
	int result = is_digest ? metadata->operations->manifest_remove(metadata, request->name, &digest, err)
			       : metadata->operations->tag_remove(metadata, request->name, request->reference, err);
	if (result < 0)
		return err->kind == ERROR_NOT_FOUND ? manifest_unknown(request) : -1;
	response_empty(request, 202);
	return 0;
}

int referrers_get(struct request *request, struct error *err)
{
	struct metadata *metadata = request->registry->metadata;
	const char *artifact_type = request_query(request, "artifactType");
	cleanup_string_list struct string_list descriptors = {0};
	struct digest subject;
	if (digest_parse(request->reference, &subject, err) < 0) {
		response_error(request, OCI_DIGEST_INVALID, 0, "%s", err->message);
		return 0;
	}
	if (metadata->operations->referrer_list(metadata, request->name, &subject, artifact_type, REFERRER_LIMIT,
						&descriptors, err) < 0)
		return -1;
	cleanup_buffer struct buffer text = BUFFER_INIT(REFERRER_BYTE_LIMIT);
	buffer_append_string(&text, "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_TYPE_OCI_INDEX "\",\"manifests\":[",
			     NULL);
	for (size_t i = 0; i < descriptors.count; i++) {
		/* A client reads an index of 4 MiB at most; what does not fit is left out whole. */
		if (text.size + strlen(descriptors.items[i]) + 4 > REFERRER_BYTE_LIMIT)
			break;
		if (buffer_append_format(&text, err, "%s%s", i ? "," : "", descriptors.items[i]) < 0)
			return -1;
	}
	if (buffer_append_string(&text, "]}", err) < 0)
		return -1;
	response_text(request, 200, MEDIA_TYPE_OCI_INDEX, buffer_steal(&text));
	if (artifact_type)
		response_header(request, "OCI-Filters-Applied", "artifactType");
	return 0;
}
