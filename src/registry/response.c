#include "registry/response.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "registry/log.h"

static const struct {
	const char *code;
	unsigned status;
	const char *message;
} oci_errors[] = {
	[OCI_BLOB_UNKNOWN] = {"BLOB_UNKNOWN", 404, "blob unknown to registry"},
	[OCI_BLOB_UPLOAD_INVALID] = {"BLOB_UPLOAD_INVALID", 400, "blob upload invalid"},
	[OCI_BLOB_UPLOAD_UNKNOWN] = {"BLOB_UPLOAD_UNKNOWN", 404, "blob upload unknown to registry"},
	[OCI_DENIED] = {"DENIED", 403, "requested access to the resource is denied"},
	[OCI_DIGEST_INVALID] = {"DIGEST_INVALID", 400, "provided digest did not match uploaded content"},
	[OCI_MANIFEST_BLOB_UNKNOWN] = {"MANIFEST_BLOB_UNKNOWN", 404,
				       "manifest references a manifest or blob unknown to registry"},
	[OCI_MANIFEST_INVALID] = {"MANIFEST_INVALID", 400, "manifest invalid"},
	[OCI_MANIFEST_UNKNOWN] = {"MANIFEST_UNKNOWN", 404, "manifest unknown"},
	[OCI_NAME_INVALID] = {"NAME_INVALID", 400, "invalid repository name"},
	[OCI_NAME_UNKNOWN] = {"NAME_UNKNOWN", 404, "repository name not known to registry"},
	[OCI_PAGINATION_NUMBER_INVALID] = {"PAGINATION_NUMBER_INVALID", 400, "invalid number of results requested"},
	[OCI_RANGE_INVALID] = {"RANGE_INVALID", 416, "invalid content range"},
	[OCI_SIZE_INVALID] = {"SIZE_INVALID", 400, "provided length did not match content length"},
	[OCI_TAG_INVALID] = {"TAG_INVALID", 400, "manifest tag is not a tag"},
	[OCI_TOOMANYREQUESTS] = {"TOOMANYREQUESTS", 429, "too many requests"},
	[OCI_UNAUTHORIZED] = {"UNAUTHORIZED", 401, "authentication required"},
	[OCI_UNKNOWN] = {"UNKNOWN", 500, "unknown error"},
	[OCI_UNSUPPORTED] = {"UNSUPPORTED", 405, "the operation is unsupported"},
};
_Static_assert(ARRAY_SIZE(oci_errors) == OCI_ERROR_COUNT, "each code has its row");

static void set(struct request *request, unsigned status, struct MHD_Response *response, uint64_t size)
{
	if (!response)
		abort(); /* no memory */
	if (request->response) {
		MHD_destroy_response(response);
		return;
	}
	request->status = status;
	request->response = response;
	request->response_size = size;
	response_header(request, "Docker-Distribution-Api-Version", "registry/2.0");
	response_header(request, "X-Content-Type-Options", "nosniff");
}

void response_empty(struct request *request, unsigned status)
{
	set(request, status, MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT), 0);
}

void response_text(struct request *request, unsigned status, const char *content_type, char *text)
{
	size_t size = strlen(text);
	set(request, status, MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE), size);
	response_header(request, "Content-Type", content_type);
}

void response_json(struct request *request, unsigned status, const json_t *document)
{
	response_text(request, status, "application/json", json_text(document));
}

void response_constant(struct request *request, const char *content_type, const char *text)
{
	size_t size = strlen(text);
	set(request, 200, MHD_create_response_from_buffer(size, (void *)text, MHD_RESPMEM_PERSISTENT), size);
	response_header(request, "Content-Type", content_type);
}

static void free_manifest(void *manifest)
{
	cached_manifest_free(manifest);
}

void response_manifest(struct request *request, const char *content_type, struct cached_manifest *manifest)
{
	set(request, 200,
	    MHD_create_response_from_buffer_with_free_callback_cls(manifest->size, (void *)manifest->bytes,
								   free_manifest, manifest),
	    manifest->size);
	response_header(request, "Content-Type", content_type);
}

void response_file(struct request *request, unsigned status, int fd, uint64_t offset, uint64_t size)
{
	/* Sent by sendfile(2) where there is no TLS. The library closes it. */
	set(request, status, MHD_create_response_from_fd_at_offset64(size, fd, offset), size);
}

static ssize_t read_nothing(void *context, uint64_t position, char *bytes, size_t size)
{
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

void response_size_only(struct request *request, unsigned status, uint64_t size)
{
	set(request, status, MHD_create_response_from_callback(size, 1024, read_nothing, NULL, NULL), 0);
}

void response_header(struct request *request, const char *name, const char *value)
{
	if (request->response)
		MHD_add_response_header(request->response, name, value);
}

void response_header_format(struct request *request, const char *name, const char *format, ...)
{
	va_list arguments;
	char *value;
	va_start(arguments, format);
	int length = vasprintf(&value, format, arguments);
	va_end(arguments);
	if (length < 0)
		abort();
	response_header(request, name, value);
	free(value);
}

void response_error(struct request *request, enum oci_error error, unsigned status, const char *format, ...)
{
	char reason[ERROR_MESSAGE_SIZE] = "";
	if (format) {
		va_list arguments;
		va_start(arguments, format);
		vsnprintf(reason, sizeof reason, format, arguments);
		va_end(arguments);
	}
	cleanup_free char *message = format_string("%s%s%s", oci_errors[error].message, reason[0] ? ": " : "", reason);
	cleanup_json json_t *entry = json_object();
	json_set_text(entry, "code", oci_errors[error].code);
	/* A reason may quote what the client sent; where that is not UTF-8 the code's own words must do. */
	if (json_object_set_new(entry, "message", json_string(message)) < 0)
		json_set_text(entry, "message", oci_errors[error].message);
	if (!reason[0] || json_object_set_new(entry, "detail", json_string(reason)) < 0)
		json_object_set_new(entry, "detail", json_null());
	cleanup_json json_t *document = json_object();
	json_t *errors = json_array();
	json_array_append(errors, entry);
	json_object_set_new(document, "errors", errors);
	response_json(request, status ? status : oci_errors[error].status, document);
}

void response_failure(struct request *request, const struct error *err)
{
	log_failure(request, err);
	response_error(request, OCI_UNKNOWN, err->system_errno == ENOSPC ? 507 : 500,
		       err->system_errno == ENOSPC ? "the registry has no space left" : NULL);
}
