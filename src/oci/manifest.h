/*
 * Image manifest and image index (OCI image specification v1.1, manifest.md, image-index.md), and their Docker schema 2
 * twins. Documents are read from bytes whose digest was checked; a document that could be taken for either kind (one
 * with `layers` and `manifests`, or whose mediaType differs from what it was served as) is refused.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/string_list.h"
#include "oci/digest.h"
#include "oci/platform.h"

#define MANIFEST_SIZE_LIMIT  ((size_t)4 * 1024 * 1024)
#define MANIFEST_LAYER_LIMIT 1024
#define INDEX_ENTRY_LIMIT    1024
#define ANNOTATION_LIMIT     1024

struct descriptor {
	char *media_type;
	struct digest digest;
	uint64_t size; /* bytes */
};

void descriptor_release(struct descriptor *descriptor);
void descriptor_copy(struct descriptor *to, const struct descriptor *from); /* `to` is released first */

struct manifest {
	char *media_type;
	struct descriptor config;
	struct descriptor *layers; /* base first */
	size_t layer_count;
	struct string_list annotations; /* KEY=VALUE */
};

struct index_entry {
	struct descriptor descriptor;
	struct platform platform; /* empty os: none given */
	bool is_attestation;	  /* annotation vnd.docker.reference.type = attestation-manifest */
	char *full_name;	  /* io.containerd.image.name, "ghcr.test/me/web:1"; NULL: none */
	char *ref_name;		  /* org.opencontainers.image.ref.name, often a tag alone; NULL: none */
};

struct index {
	struct index_entry *entries;
	size_t entry_count;
};

enum document_kind { DOCUMENT_MANIFEST, DOCUMENT_INDEX };

/* Says which it is. `served_as` (a Content-Type, may be NULL) must agree with the document. */
int document_classify(const json_t *document, const char *served_as, enum document_kind *ret_kind, struct error *err);

int manifest_parse(const void *bytes, size_t size, const char *served_as, struct manifest *ret_manifest,
		   struct error *err);
void manifest_release(struct manifest *manifest);
#define cleanup_manifest CLEANUP(manifest_release)
/* The document's text, deterministic, owned by the caller. */
char *manifest_serialize(const struct manifest *manifest);

int index_parse(const void *bytes, size_t size, const char *served_as, struct index *ret_index, struct error *err);
void index_release(struct index *index);
#define cleanup_index CLEANUP(index_release)
/* The entry for the platform; where none fits, ERROR_NOT_FOUND with the list of what there is. */
int index_select(const struct index *index, const struct platform *wanted, const struct index_entry **ret_entry,
		 struct error *err);
