/* Blobs are read and removed within a repository: what is not linked there is not there, whoever else has it. */
#include <inttypes.h>
#include <string.h>

#include "registry/handlers.h"
#include "registry/range.h"
#include "registry/response.h"

static int blob_unknown(struct request *request)
{
	response_error(request, OCI_BLOB_UNKNOWN, 0, NULL);
	return 0;
}

static void describe(struct request *request, const struct digest *digest)
{
	response_header(request, "Docker-Content-Digest", digest->text);
	response_header_format(request, "ETag", "\"%s\"", digest->text);
	response_header(request, "Accept-Ranges", "bytes");
	response_header(request, "Content-Type", "application/octet-stream");
}

static bool client_has_it(struct request *request, const struct digest *digest)
{
	const char *tags = request_header(request, "If-None-Match");
	return tags && strstr(tags, digest->text);
}

int blob_get(struct request *request, struct error *err)
{
	struct registry *registry = request->registry;
	struct digest digest;
	struct byte_range range;
	uint64_t size;
	if (digest_parse(request->reference, &digest, err) < 0) {
		response_error(request, OCI_DIGEST_INVALID, 0, "%s", err->message);
		return 0;
	}
	if (registry->metadata->operations->blob_find(registry->metadata, request->name, &digest, &size, err) < 0)
		return err->kind == ERROR_NOT_FOUND ? blob_unknown(request) : -1;
	if (client_has_it(request, &digest)) {
		response_empty(request, 304);
		describe(request, &digest);
		return 0;
	}
	enum range_result wanted = range_of_download(request_header(request, "Range"), size, &range);
	if (wanted == RANGE_UNSATISFIABLE) {
		response_error(request, OCI_RANGE_INVALID, 0, NULL);
		response_header_format(request, "Content-Range", "bytes */%" PRIu64, size);
		return 0;
	}
	unsigned status = wanted == RANGE_PART ? 206 : 200;
	if (request->method == HTTP_HEAD) {
		response_size_only(request, status, range.size);
	} else {
		int fd;
		if (registry->blobs->operations->open(registry->blobs, &digest, &fd, err) < 0)
			return -1;
		response_file(request, status, fd, range.start, range.size);
	}
	describe(request, &digest);
	if (wanted == RANGE_PART)
		response_header_format(request, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range.start,
				       range.start + range.size - 1, size);
	return 0;
}

int blob_delete(struct request *request, struct error *err)
{
	struct metadata *metadata = request->registry->metadata;
	struct digest digest;
	if (digest_parse(request->reference, &digest, err) < 0) {
		response_error(request, OCI_DIGEST_INVALID, 0, "%s", err->message);
		return 0;
	}
	if (metadata->operations->blob_unlink(metadata, request->name, &digest, err) < 0)
		return err->kind == ERROR_NOT_FOUND ? blob_unknown(request) : -1;
	response_empty(request, 202);
	response_header(request, "Docker-Content-Digest", digest.text);
	return 0;
}
