/* What manifest.c and index.c share; private to src/oci. */
#pragma once

#include "oci/manifest.h"

/* Size limit, JSON, and that it is of the wanted kind. The document is owned by the caller. */
int document_parse(const void *bytes, size_t size, const char *served_as, enum document_kind wanted,
		   json_t **ret_document, struct error *err);
/* `object` may be NULL or of any type, which is an error. */
int descriptor_parse(const json_t *object, struct descriptor *ret_descriptor, struct error *err);
