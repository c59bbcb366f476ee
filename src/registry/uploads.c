/*
 * Pushing blobs (distribution specification, "Pushing blobs"): in one request, in chunks, or by mounting what another
 * repository has. An upload that lasts longer than one request has a row that names its repository and its owner; it
 * answers to nobody else. The order of a commit: the blob is durable, then the row that links it, then the answer.
 */
#include <inttypes.h>
#include <string.h>

#include "oci/reference.h"
#include "registry/auth.h"
#include "registry/handlers.h"
#include "registry/range.h"
#include "registry/response.h"

#define BLOB_SIZE_LIMIT ((uint64_t)64 * 1024 * 1024 * 1024)

static int invalid_digest(struct request *request, const char *reason)
{
	response_error(request, OCI_DIGEST_INVALID, 0, "%s", reason);
	return 0;
}

/* The parameter `digest`, which has to be there; false with an answer given. */
static bool query_digest(struct request *request, struct digest *ret_digest)
{
	struct error err = {0};
	const char *text = request_query(request, "digest");
	if (text && digest_parse(text, ret_digest, &err) == 0)
		return true;
	invalid_digest(request, text ? err.message : "the parameter digest is missing");
	return false;
}

static void describe_upload(struct request *request, unsigned status, const char *id, uint64_t offset)
{
	response_empty(request, status);
	response_header_format(request, "Location", "/v2/%s/blobs/uploads/%s", request->name, id);
	response_header_format(request, "Range", "0-%" PRIu64, offset > 0 ? offset - 1 : 0);
	response_header(request, "Docker-Upload-UUID", id);
}

static int link_blob(struct request *request, const struct digest *digest, uint64_t size, struct error *err)
{
	struct metadata *metadata = request->registry->metadata;
	if (metadata->operations->blob_link(metadata, request->name, digest, size, err) < 0)
		return -1;
	response_empty(request, 201);
	response_header_format(request, "Location", "/v2/%s/blobs/%s", request->name, digest->text);
	response_header(request, "Docker-Content-Digest", digest->text);
	return 0;
}

/* Whether the upload is still this request's; if not, an answer was given. To be left again where it was entered. */
static bool enter(struct request *request)
{
	if (upload_hold_enter(request->registry->uploads, request->hold))
		return true;
	response_error(request, OCI_BLOB_UPLOAD_INVALID, 409, "another request went on with it");
	return false;
}

static void leave(struct request *request)
{
	upload_hold_leave(request->registry->uploads, request->hold);
}

static int connection_of(const struct request *request)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	return info ? info->connect_fd : -1;
}

/* Answers with 201 where it can be mounted; else the upload takes its usual course, which tells nothing. */
static int try_mount(struct request *request, const char *digest_text, const char *from, struct error *err)
{
	struct registry *registry = request->registry;
	struct digest digest;
	unsigned permissions = 0;
	uint64_t size;
	if (digest_parse(digest_text, &digest, NULL) < 0 || !reference_path_is_valid(from))
		return 0;
	if (auth_effective_permissions(registry, request->identity, from, &permissions, err) < 0)
		return -1;
	if (!(permissions & PERMISSION_PULL))
		return 0;
	if (registry->metadata->operations->blob_find(registry->metadata, from, &digest, &size, err) < 0)
		return err->kind == ERROR_NOT_FOUND ? 0 : -1;
	/* As new as one just pushed, for a collector that goes by age. */
	if (registry->blobs->operations->refresh(registry->blobs, &digest, err) < 0)
		return err->kind == ERROR_NOT_FOUND ? 0 : -1;
	return link_blob(request, &digest, size, err);
}

int upload_begin(struct request *request, struct error *err)
{
	struct registry *registry = request->registry;
	const char *mount = request_query(request, "mount"), *from = request_query(request, "from");
	if (mount && from && try_mount(request, mount, from, err) < 0)
		return -1;
	if (request->response)
		return 0;
	bool is_monolithic = request_query(request, "digest") != NULL;
	struct digest digest;
	if (is_monolithic && !query_digest(request, &digest))
		return 0;
	if (upload_table_take(registry->uploads, NULL, connection_of(request), &request->hold, err) < 0)
		return -1;
	/* Nobody else knows it yet: it cannot be lost. */
	struct metadata_upload row = {
		.repository = request->name, .owner = request->identity->user, .started = time_now()};
	memcpy(row.id, request->hold->upload->id, sizeof row.id);
	leave(request);
	if (is_monolithic)
		return 0;
	if (registry->metadata->operations->upload_add(registry->metadata, &row, REGISTRY_UPLOADS_PER_USER, err) < 0) {
		if (err->kind != ERROR_LIMIT)
			return -1;
		response_error(request, OCI_TOOMANYREQUESTS, 0, "%s", err->message);
		return 0;
	}
	request->upload_has_row = true;
	return 0;
}

static int append(struct request *request, const void *bytes, size_t size, struct error *err)
{
	struct blob_upload *upload = request->hold->upload;
	uint64_t announced;
	if (upload->offset + size > BLOB_SIZE_LIMIT ||
	    (request_content_length(request, &announced) && announced > BLOB_SIZE_LIMIT)) {
		response_error(request, OCI_SIZE_INVALID, 413, "a blob has at most %" PRIu64 " bytes", BLOB_SIZE_LIMIT);
		return 0;
	}
	return upload->store->operations->upload_append(upload, bytes, size, err);
}

int upload_receive(struct request *request, const void *bytes, size_t size, struct error *err)
{
	/* A POST without a digest opens an upload and has no body that counts. */
	if (request->method == HTTP_POST && request->upload_has_row)
		return 0;
	if (!enter(request))
		return 0;
	int result = append(request, bytes, size, err);
	leave(request);
	return result;
}

/* Verifies, makes durable, links. The upload is gone after, whatever came of it. */
static int commit(struct request *request, const struct digest *digest, struct error *err)
{
	struct registry *registry = request->registry;
	if (!enter(request))
		return 0;
	struct blob_upload *upload = upload_hold_steal(registry->uploads, steal_pointer(&request->hold));
	char id[BLOB_UPLOAD_ID_SIZE];
	uint64_t size = upload->offset;
	memcpy(id, upload->id, sizeof id);
	int result = upload->store->operations->upload_commit(upload, digest, err);
	if (result < 0)
		upload->store->operations->upload_abort(upload);
	struct error removal = {0};
	if (request->upload_has_row &&
	    registry->metadata->operations->upload_remove(registry->metadata, id, &removal) < 0 && result == 0) {
		*err = removal;
		return -1;
	}
	request->upload_has_row = false;
	if (result < 0)
		return err->kind == ERROR_CORRUPT ? invalid_digest(request, err->message) : -1;
	registry->metrics.blobs_committed++;
	return link_blob(request, digest, size, err);
}

int upload_begin_finish(struct request *request, struct error *err)
{
	struct digest digest;
	if (request->upload_has_row) {
		if (!enter(request))
			return 0;
		describe_upload(request, 202, request->hold->upload->id, 0);
		leave(request);
		return 0;
	}
	return query_digest(request, &digest) ? commit(request, &digest, err) : 0;
}

/* Takes the upload that the path names, and enters it; without one an answer was given. */
static int take(struct request *request, struct error *err)
{
	struct registry *registry = request->registry;
	cleanup_metadata_upload struct metadata_upload row = {0};
	if (!blob_upload_id_is_valid(request->reference)) {
		response_error(request, OCI_BLOB_UPLOAD_UNKNOWN, 0, NULL);
		return 0;
	}
	int result = registry->metadata->operations->upload_find(registry->metadata, request->reference, &row, err);
	if (result < 0 && err->kind != ERROR_NOT_FOUND)
		return -1;
	if (result < 0 || strcmp(row.repository, request->name) != 0 ||
	    strcmp(row.owner, request->identity->user) != 0) {
		response_error(request, OCI_BLOB_UPLOAD_UNKNOWN, 0, NULL);
		return 0;
	}
	if (upload_table_take(registry->uploads, request->reference, connection_of(request), &request->hold, err) < 0) {
		if (err->kind == ERROR_CONFLICT) {
			response_error(request, OCI_BLOB_UPLOAD_INVALID, 409, "another request is using it");
			response_header(request, "Retry-After", "1");
		} else if (err->kind == ERROR_NOT_FOUND) {
			response_error(request, OCI_BLOB_UPLOAD_UNKNOWN, 0, NULL);
		} else {
			return -1;
		}
		return 0;
	}
	request->upload_has_row = true;
	return 0;
}

/* A chunk has to begin where the last one ended, and to be as long as it says. */
static void check_content_range(struct request *request)
{
	const char *header = request_header(request, "Content-Range");
	const struct blob_upload *upload = request->hold->upload;
	uint64_t announced, offset = upload->offset;
	struct byte_range range;
	if (!header)
		return;
	if (range_of_upload(header, &range) < 0) {
		response_error(request, OCI_BLOB_UPLOAD_INVALID, 0, "Content-Range is not START-END");
	} else if (range.start != offset) {
		response_error(request, OCI_RANGE_INVALID, 0,
			       "the chunk begins at %" PRIu64 ", but %" PRIu64 " bytes are here", range.start, offset);
		response_header_format(request, "Location", "/v2/%s/blobs/uploads/%s", request->name, upload->id);
		response_header_format(request, "Range", "0-%" PRIu64, offset > 0 ? offset - 1 : 0);
		response_header(request, "Docker-Upload-UUID", upload->id);
	} else if (request_content_length(request, &announced) && announced != range.size) {
		response_error(request, OCI_SIZE_INVALID, 0,
			       "Content-Range speaks of %" PRIu64 " bytes, Content-Length of %" PRIu64, range.size,
			       announced);
	}
}

int upload_resume(struct request *request, struct error *err)
{
	if (take(request, err) < 0)
		return -1;
	if (request->hold) {
		check_content_range(request);
		leave(request);
	}
	return 0;
}

int upload_patch_finish(struct request *request, struct error *err)
{
	/* A body in chunks has no length that could be compared before it came. */
	const char *header = request_header(request, "Content-Range");
	struct byte_range range;
	if (header && range_of_upload(header, &range) == 0 && range.size != request->received) {
		response_error(request, OCI_SIZE_INVALID, 0,
			       "Content-Range speaks of %" PRIu64 " bytes, and %" PRIu64 " came", range.size,
			       request->received);
		return 0;
	}
	if (enter(request)) {
		describe_upload(request, 202, request->hold->upload->id, request->hold->upload->offset);
		leave(request);
	}
	return 0;
}

int upload_put_begin(struct request *request, struct error *err)
{
	struct digest digest;
	if (!query_digest(request, &digest))
		return 0;
	return upload_resume(request, err);
}

int upload_put_finish(struct request *request, struct error *err)
{
	struct digest digest;
	return query_digest(request, &digest) ? commit(request, &digest, err) : 0;
}

int upload_status(struct request *request, struct error *err)
{
	if (take(request, err) < 0)
		return -1;
	if (request->hold)
		describe_upload(request, 204, request->hold->upload->id, request->hold->upload->offset);
	return 0;
}

int upload_cancel(struct request *request, struct error *err)
{
	struct metadata *metadata = request->registry->metadata;
	if (take(request, err) < 0)
		return -1;
	if (!request->hold)
		return 0;
	struct blob_upload *upload = upload_hold_steal(request->registry->uploads, steal_pointer(&request->hold));
	upload->store->operations->upload_abort(upload);
	if (metadata->operations->upload_remove(metadata, request->reference, err) < 0)
		return -1;
	response_empty(request, 204);
	return 0;
}
