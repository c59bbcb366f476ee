/*
 * Answers. A handler makes one and adds headers to it; server.c sends it when the body has come. The first answer of a
 * request stands. OCI's error bodies (distribution specification, "Error Codes") come from one table.
 */
#pragma once

#include <stddef.h>

#include "registry/manifest_cache.h"
#include "registry/request.h"

enum oci_error {
	OCI_BLOB_UNKNOWN,
	OCI_BLOB_UPLOAD_INVALID,
	OCI_BLOB_UPLOAD_UNKNOWN,
	OCI_DENIED,
	OCI_DIGEST_INVALID,
	OCI_MANIFEST_BLOB_UNKNOWN,
	OCI_MANIFEST_INVALID,
	OCI_MANIFEST_UNKNOWN,
	OCI_NAME_INVALID,
	OCI_NAME_UNKNOWN,
	OCI_PAGINATION_NUMBER_INVALID,
	OCI_RANGE_INVALID,
	OCI_SIZE_INVALID,
	OCI_TAG_INVALID,
	OCI_TOOMANYREQUESTS,
	OCI_UNAUTHORIZED,
	OCI_UNKNOWN,
	OCI_UNSUPPORTED,
	OCI_ERROR_COUNT,
};

void response_empty(struct request *request, unsigned status);
/* Takes `text`. */
void response_text(struct request *request, unsigned status, const char *content_type, char *text);
void response_json(struct request *request, unsigned status, const json_t *document);
/* A page that is part of the program. */
void response_constant(struct request *request, const char *content_type, const char *text);
/* Takes the manifest. */
void response_manifest(struct request *request, const char *content_type, struct cached_manifest *manifest);
/* `size` bytes of the file from `offset`; takes the descriptor. */
void response_file(struct request *request, unsigned status, int fd, uint64_t offset, uint64_t size);
/* The headers of such a file alone, for HEAD. */
void response_size_only(struct request *request, unsigned status, uint64_t size);

void response_header(struct request *request, const char *name, const char *value);
void response_header_format(struct request *request, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);

/* {"errors":[{"code","message","detail"}]} with the code's status, or with another (0: the code's). The reason goes
 * behind the code's message, where format is not NULL. */
void response_error(struct request *request, enum oci_error error, unsigned status, const char *format, ...)
	PRINTF_LIKE(4, 5);
/* What a handler could not foresee: 500, and the message on stderr instead of in the answer. */
void response_failure(struct request *request, const struct error *err);
