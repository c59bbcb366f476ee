/* What the registry reads in a manifest or index before it takes it. */
#pragma once

#include "registry/metadata.h"

struct manifest_document {
	struct metadata_manifest manifest; /* its digest is not filled */
	struct metadata_reference *references;
	size_t reference_count;
};
void manifest_document_release(struct manifest_document *document);
#define cleanup_manifest_document CLEANUP(manifest_document_release)

/* `content_type` may be NULL. What breaks a rule is ERROR_INVALID, ERROR_LIMIT or ERROR_UNSUPPORTED. */
int manifest_document_parse(const void *bytes, size_t size, const char *content_type,
			    struct manifest_document *ret_document, struct error *err);
/* The descriptor for the referrers list, once the digest is known; nothing where there is no subject. */
int manifest_document_describe(struct manifest_document *document, const void *bytes, size_t size, struct error *err);
