/*
 * Where an image is copied from: a registry, a folder that is an OCI image layout, or an archive (spool.h). All give
 * documents by name or digest, verified, and blobs by digest.
 *
 * A docker-archive's image has a manifest of its own where the archive was written by a current Docker or by us; else
 * one is made of what the archive has, with the layers as they stand in it.
 */
#pragma once

#include "base/stream.h"
#include "oci/manifest.h"
#include "transfer/registry.h"
#include "transfer/request.h"
#include "transfer/spool.h"

enum copy_kind { COPY_REGISTRY, COPY_LAYOUT, COPY_OCI_ARCHIVE, COPY_DOCKER_ARCHIVE };

/* One end of a copy, as a request names it. */
struct copy_address {
	enum copy_kind kind;
	struct request registry; /* domain, path, tag, digest */
	char *file;		 /* folder or archive */
	char *name;		 /* the tag or image in it, or NULL */
};
/* {"kind":"registry","domain":…,"path":…,"tag":…,"digest":…} or {"kind":"oci","file":…,"name":…} */
int copy_address_parse(const json_t *object, struct copy_address *ret_address, struct error *err);
void copy_address_release(struct copy_address *address);
#define cleanup_copy_address CLEANUP(copy_address_release)

struct copy_document {
	char *media_type;
	struct digest digest;
	struct buffer bytes;
};
void copy_document_release(struct copy_document *document);

struct copy_source {
	const struct copy_address *address; /* borrowed */
	/* A registry's; borrowed. */
	struct registry *registry;
	const struct request *asked;
	/* The others'. */
	struct spool *spool;	   /* owned, or NULL */
	struct blob_store *blobs;  /* owned, unless it is the spool */
	struct copy_document made; /* a docker-archive's manifest that is not in it */
	struct descriptor root;	   /* what the name leads to */
};

/* For all but a registry. */
int copy_source_open(const struct copy_address *address, struct copy_source *ret_source, struct error *err);
void copy_source_release(struct copy_source *source);
#define cleanup_copy_source CLEANUP(copy_source_release)

/* What the name leads to: a manifest or an index. */
int copy_source_root(struct copy_source *source, struct http *http, struct copy_document *ret_document,
		     struct error *err);
/* A manifest that an index names. */
int copy_source_document(struct copy_source *source, struct http *http, const struct descriptor *descriptor,
			 struct copy_document *ret_document, struct error *err);
/* All bytes of a blob, in order; size and digest are verified once the last is written. on_bytes may be NULL. */
int copy_source_blob(struct copy_source *source, struct http *http, const struct descriptor *blob,
		     const struct sink *sink, void (*on_bytes)(void *context, uint64_t current), void *context,
		     struct error *err);
