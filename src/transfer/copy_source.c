#include "transfer/copy_source.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/fd.h"
#include "oci/media_type.h"
#include "oci/reference.h"
#include "transfer/copy_archive.h"
#include "transfer/copy_index.h"
#include "transfer/download.h"
#include "transfer/resolve.h"

#define CHUNK_SIZE ((size_t)256 * 1024)

void copy_document_release(struct copy_document *document)
{
	free(document->media_type);
	buffer_release(&document->bytes);
	*document = (struct copy_document){0};
}

void copy_address_release(struct copy_address *address)
{
	request_release(&address->registry);
	free(address->file);
	free(address->name);
	*address = (struct copy_address){0};
}

static int parse_registry(const json_t *object, struct copy_address *address, struct error *err)
{
	struct request *registry = &address->registry;
	const char *domain, *path, *tag = NULL, *digest = NULL;
	if (json_need_string(object, "domain", &domain, err) < 0 || json_need_string(object, "path", &path, err) < 0 ||
	    json_get_string(object, "tag", &tag, err) < 0 || json_get_string(object, "digest", &digest, err) < 0 ||
	    json_get_boolean(object, "insecure", &registry->is_insecure, err) < 0)
		return -1;
	if (!reference_path_is_valid(path) || (tag && !reference_tag_is_valid(tag)) || (!tag && !digest))
		return error_set(err, ERROR_INVALID, "\"path\" or \"tag\" is none");
	if (digest && digest_parse(digest, &registry->digest, err) < 0)
		return -1;
	registry->domain = duplicate_string(domain);
	registry->path = duplicate_string(path);
	registry->tag = duplicate_string(tag);
	return 0;
}

int copy_address_parse(const json_t *object, struct copy_address *ret_address, struct error *err)
{
	static const char *const kinds[] = {"registry", "oci", "oci-archive", "docker-archive"};
	cleanup_copy_address struct copy_address address = {0};
	const char *kind, *file, *name = NULL;
	size_t i = 0;
	if (!object)
		return error_set(err, ERROR_INVALID, "an end of the copy is missing");
	if (json_need_string(object, "kind", &kind, err) < 0)
		return -1;
	while (i < ARRAY_SIZE(kinds) && strcmp(kinds[i], kind) != 0)
		i++;
	if (i == ARRAY_SIZE(kinds))
		return error_set(err, ERROR_INVALID, "kind \"%.40s\" is not known", kind);
	address.kind = (enum copy_kind)i;
	if (address.kind == COPY_REGISTRY) {
		if (parse_registry(object, &address, err) < 0)
			return -1;
	} else {
		if (json_need_string(object, "file", &file, err) < 0 || json_get_string(object, "name", &name, err) < 0)
			return -1;
		address.file = duplicate_string(file);
		address.name = duplicate_string(name);
	}
	*ret_address = address;
	address = (struct copy_address){0};
	return 0;
}

static int open_layout(struct copy_source *source, struct buffer *ret_index, struct error *err)
{
	struct error why = {0};
	cleanup_close int folder = open_folder(source->address->file, false, 0, err);
	cleanup_buffer struct buffer layout = {0};
	if (folder < 0)
		return -1;
	if (read_file_at(folder, "oci-layout", 4096, &layout, &why) < 0)
		return error_set(err, ERROR_NOT_FOUND, "%s is no OCI image layout: %.200s", source->address->file,
				 why.message);
	cleanup_close int blobs = open_folder_at(folder, "blobs", false, 0, err);
	if (blobs < 0 || blob_store_open_files(blobs, &source->blobs, err) < 0)
		return -1;
	return read_file_at(folder, "index.json", MANIFEST_SIZE_LIMIT, ret_index, err);
}

static int find_root(struct copy_source *source, struct error *err)
{
	cleanup_buffer struct buffer index = {0};
	if (source->address->kind == COPY_LAYOUT) {
		if (open_layout(source, &index, err) < 0)
			return -1;
		return copy_layout_find(&index, source->address->name, &source->root, err);
	}
	if (spool_read(source->address->file, &source->spool, err) < 0)
		return -1;
	source->blobs = &source->spool->base;
	if (source->address->kind == COPY_DOCKER_ARCHIVE)
		return copy_archive_find(source->spool, source->address->name, &source->root, &source->made, err);
	const struct spool_file *file = spool_find(source->spool, "index.json");
	if (!file)
		return error_set(err, ERROR_INVALID, "it is no OCI archive: it has no index.json");
	if (blob_read(source->blobs, &file->digest, MANIFEST_SIZE_LIMIT, &index, err) < 0)
		return -1;
	return copy_layout_find(&index, source->address->name, &source->root, err);
}

int copy_source_open(const struct copy_address *address, struct copy_source *ret_source, struct error *err)
{
	cleanup_copy_source struct copy_source source = {.address = address};
	if (find_root(&source, err) < 0)
		return error_wrap(err, "%s", address->file);
	*ret_source = source;
	source = (struct copy_source){0};
	return 0;
}

void copy_source_release(struct copy_source *source)
{
	if (source->blobs && !source->spool)
		blob_store_free(source->blobs);
	spool_free(source->spool);
	copy_document_release(&source->made);
	descriptor_release(&source->root);
	*source = (struct copy_source){0};
}

static int fetch(struct copy_source *source, struct http *http, const char *reference, const struct digest *expected,
		 struct copy_document *ret_document, struct error *err)
{
	struct copy_document document = {0};
	if (resolve_fetch(source->registry, http, source->asked, reference, expected, &document.digest, &document.bytes,
			  &document.media_type, err) < 0)
		return -1;
	*ret_document = document;
	return 0;
}

int copy_source_root(struct copy_source *source, struct http *http, struct copy_document *ret_document,
		     struct error *err)
{
	if (source->registry)
		return fetch(source, http, request_reference(source->asked), &source->asked->digest, ret_document, err);
	return copy_source_document(source, http, &source->root, ret_document, err);
}

int copy_source_document(struct copy_source *source, struct http *http, const struct descriptor *descriptor,
			 struct copy_document *ret_document, struct error *err)
{
	if (source->registry)
		return fetch(source, http, descriptor->digest.text, &descriptor->digest, ret_document, err);
	struct copy_document document = {.digest = descriptor->digest,
					 .media_type = duplicate_string(descriptor->media_type)};
	const struct copy_document *made = &source->made;
	int result = digest_equal(&made->digest, &descriptor->digest)
			     ? (document.bytes = BUFFER_INIT(MANIFEST_SIZE_LIMIT),
				buffer_append(&document.bytes, made->bytes.bytes, made->bytes.size, err))
			     : blob_read(source->blobs, &descriptor->digest, MANIFEST_SIZE_LIMIT, &document.bytes, err);
	if (result < 0) {
		copy_document_release(&document);
		return error_wrap(err, "%s", source->address->file);
	}
	*ret_document = document;
	return 0;
}

struct verifier {
	const struct sink *to;
	struct hasher *hasher;
	uint64_t size;
	const struct descriptor *blob;
	void (*on_bytes)(void *context, uint64_t current);
	void *context;
};

static int verifier_write(void *context, const void *bytes, size_t size, struct error *err)
{
	struct verifier *verifier = context;
	verifier->size += size;
	if (verifier->size > verifier->blob->size)
		return error_set(err, ERROR_CORRUPT, "blob %s is longer than the %" PRIu64 " bytes that are said",
				 verifier->blob->digest.text, verifier->blob->size);
	hasher_update(verifier->hasher, bytes, size);
	if (sink_write(verifier->to, bytes, size, err) < 0)
		return -1;
	if (verifier->on_bytes)
		verifier->on_bytes(verifier->context, verifier->size);
	return 0;
}

static int read_file(struct copy_source *source, const struct descriptor *blob, const struct sink *sink,
		     void (*on_bytes)(void *context, uint64_t current), void *context, struct error *err)
{
	cleanup_close int fd = -1;
	cleanup_hasher struct hasher *hasher = hasher_new(digest_algorithm_of(&blob->digest));
	struct verifier verifier = {
		.to = sink, .hasher = hasher, .blob = blob, .on_bytes = on_bytes, .context = context};
	struct sink to = {verifier_write, &verifier};
	struct digest found;
	if (source->blobs->operations->open(source->blobs, &blob->digest, &fd, err) < 0)
		return -1;
	struct source from = source_from_fd(&fd);
	if (stream_copy(&from, &to, blob->size + 1, NULL, err) < 0)
		return -1;
	hasher_finish(hasher, &found);
	if (verifier.size != blob->size || !digest_equal(&found, &blob->digest))
		return error_set(err, ERROR_CORRUPT, "blob %s is damaged: its %" PRIu64 " bytes are %s",
				 blob->digest.text, verifier.size, found.text);
	return 0;
}

int copy_source_blob(struct copy_source *source, struct http *http, const struct descriptor *blob,
		     const struct sink *sink, void (*on_bytes)(void *context, uint64_t current), void *context,
		     struct error *err)
{
	if (!source->registry)
		return read_file(source, blob, sink, on_bytes, context, err) < 0
			       ? error_wrap(err, "%s", source->address->file)
			       : 0;
	cleanup_download struct download *download =
		download_new(source->registry, http, request_remote_path(source->asked), blob, on_bytes, context);
	struct source from = download_source(download);
	if (stream_copy(&from, sink, blob->size, NULL, err) < 0)
		return -1;
	return download_finish(download, err);
}
