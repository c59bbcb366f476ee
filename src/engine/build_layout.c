#include "engine/build_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/tar_writer.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/load.h"
#include "oci/manifest.h"
#include "oci/media_type.h"
#include "store/image_row.h"

struct layout {
	int folder_fd;
	const char *tag; /* NULL: none was asked for */
	struct buffer manifest_bytes;
	struct digest manifest_digest;
	struct manifest manifest;
};

static void layout_release(struct layout *layout)
{
	if (layout->folder_fd >= 0)
		close(layout->folder_fd);
	buffer_release(&layout->manifest_bytes);
	manifest_release(&layout->manifest);
}

static char *blob_path(const struct digest *digest)
{
	return format_string("blobs/%s/%s", digest_algorithm_name(digest_algorithm_of(digest)), digest_hex(digest));
}

static int read_document(const struct layout *layout, const struct digest *digest, struct buffer *bytes,
			 struct error *err)
{
	cleanup_free char *path = blob_path(digest);
	buffer_release(bytes);
	if (read_file_at(layout->folder_fd, path, MANIFEST_SIZE_LIMIT, bytes, err) < 0)
		return -1;
	return digest_verify_bytes(digest, buffer_text(bytes), bytes->size, err);
}

static int find_tag(const struct layout *layout, struct digest *ret_digest, struct error *err)
{
	cleanup_buffer struct buffer bytes = BUFFER_INIT(0);
	cleanup_index struct index index = {0};
	const struct index_entry *only = NULL;
	const char *tag = layout->tag ? layout->tag : "latest";
	size_t count = 0;
	if (read_file_at(layout->folder_fd, "index.json", MANIFEST_SIZE_LIMIT, &bytes, err) < 0 ||
	    index_parse(buffer_text(&bytes), bytes.size, NULL, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index.entry_count; i++) {
		const struct index_entry *entry = &index.entries[i];
		if (entry->is_attestation)
			continue;
		only = entry;
		count++;
		if (entry->ref_name && strcmp(entry->ref_name, tag) == 0) {
			*ret_digest = entry->descriptor.digest;
			return 0;
		}
	}
	if (layout->tag || count != 1)
		return error_set(err, ERROR_NOT_FOUND, "no image in it has the tag \"%s\"", tag);
	*ret_digest = only->descriptor.digest;
	return 0;
}

/* From what was named, through an index, to the manifest. */
static int find_manifest(struct layout *layout, const struct digest *top, const struct platform *platform,
			 struct error *err)
{
	struct buffer *bytes = &layout->manifest_bytes;
	cleanup_json json_t *document = NULL;
	enum document_kind kind;
	layout->manifest_digest = *top;
	if (read_document(layout, top, bytes, err) < 0 ||
	    json_parse(buffer_text(bytes), bytes->size, &document, err) < 0 ||
	    document_classify(document, NULL, &kind, err) < 0)
		return -1;
	if (kind == DOCUMENT_INDEX) {
		cleanup_index struct index index = {0};
		const struct index_entry *entry;
		struct platform host;
		platform_host(&host);
		if (index_parse(buffer_text(bytes), bytes->size, NULL, &index, err) < 0 ||
		    index_select(&index, platform ? platform : &host, &entry, err) < 0)
			return -1;
		layout->manifest_digest = entry->descriptor.digest;
		if (read_document(layout, &layout->manifest_digest, bytes, err) < 0)
			return -1;
	}
	return manifest_parse(buffer_text(bytes), bytes->size, NULL, &layout->manifest, err);
}

static int write_tar(void *context, const void *bytes, size_t size, struct error *err)
{
	return tar_writer_data(context, bytes, size, err);
}

static int add_text(struct tar_writer *writer, const char *path, const void *bytes, size_t size, struct error *err)
{
	const struct tar_entry entry = {.path = path, .mode = S_IFREG | 0644, .size = size};
	return tar_writer_entry(writer, &entry, err) < 0 ? -1 : tar_writer_data(writer, bytes, size, err);
}

static int add_blob(struct tar_writer *writer, const struct layout *layout, const struct descriptor *blob,
		    struct error *err)
{
	cleanup_free char *path = blob_path(&blob->digest);
	cleanup_close int fd = open_in_root(layout->folder_fd, path, O_RDONLY | O_NONBLOCK, 0);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0)
		return error_set_errno(err, errno, "open %s", path);
	if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size != blob->size)
		return error_set(err, ERROR_CORRUPT, "%s: it is not the file of %llu bytes that it should be", path,
				 (unsigned long long)blob->size);
	const struct tar_entry entry = {.path = path, .mode = S_IFREG | 0644, .size = blob->size};
	const struct source from = source_from_fd(&fd);
	const struct sink to = {write_tar, writer};
	return tar_writer_entry(writer, &entry, err) < 0 ? -1 : stream_copy(&from, &to, blob->size, NULL, err);
}

/* The image alone, under no name, as an archive that `load` reads. */
static int write_archive(const struct layout *layout, int fd, struct error *err)
{
	const struct sink sink = sink_to_fd(&fd);
	const struct buffer *bytes = &layout->manifest_bytes;
	const struct digest *digest = &layout->manifest_digest;
	struct tar_writer *writer = NULL;
	cleanup_free char *path = blob_path(digest);
	const char *type = layout->manifest.media_type;
	cleanup_json json_t *document = json_pack("{s:i, s:[{s:s, s:s, s:I}]}", "schemaVersion", 2, "manifests",
						  "mediaType", type ? type : MEDIA_TYPE_OCI_MANIFEST, "digest",
						  digest->text, "size", (json_int_t)bytes->size);
	cleanup_free char *index = document ? json_text(document) : NULL;
	if (!index)
		return error_set(err, ERROR_INVALID, "its media type is not UTF-8");
	if (tar_writer_new(&sink, &writer, err) < 0)
		return -1;
	int result = add_text(writer, "index.json", index, strlen(index), err);
	if (result == 0)
		result = add_text(writer, path, bytes->bytes, bytes->size, err);
	if (result == 0)
		result = add_blob(writer, layout, &layout->manifest.config, err);
	for (size_t i = 0; i < layout->manifest.layer_count && result == 0; i++)
		result = add_blob(writer, layout, &layout->manifest.layers[i], err);
	if (result == 0)
		result = tar_writer_finish(writer, err);
	tar_writer_free(writer);
	return result;
}

static int load(struct engine *engine, const struct layout *layout, struct error *err)
{
	cleanup_close int fd = openat(engine->store->root_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(err, errno, "make a file for the image");
	if (write_archive(layout, fd, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_set_errno(err, errno, "read the image again");
	const struct source archive = source_from_fd(&fd);
	return images_load(engine, &archive, NULL, NULL, err);
}

/* "FOLDER[:TAG][@DIGEST]" */
static int open_layout(const char *text, struct layout *layout, char **ret_words, struct digest *ret_digest,
		       struct error *err)
{
	char *words = *ret_words = duplicate_string(text);
	char *at = strchr(words, '@'), *colon;
	if (at) {
		*at = '\0';
		if (digest_parse(at + 1, ret_digest, err) < 0)
			return -1;
	}
	colon = strchr(words, ':');
	if (colon) {
		*colon = '\0';
		layout->tag = colon + 1;
	}
	layout->folder_fd = open(words, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return layout->folder_fd < 0 ? error_set_errno(err, errno, "open %s", words) : 0;
}

int build_layout_load(struct engine *engine, const char *text, const struct platform *platform, struct image *ret_image,
		      struct error *err)
{
	CLEANUP(layout_release) struct layout layout = {.folder_fd = -1};
	cleanup_free char *words = NULL;
	struct digest top = {0};
	if (open_layout(text, &layout, &words, &top, err) < 0 ||
	    (!digest_is_set(&top) && find_tag(&layout, &top, err) < 0) ||
	    find_manifest(&layout, &top, platform, err) < 0)
		return error_wrap(err, "oci-layout reference \"oci-layout://%s\" could not be resolved", text);
	const struct digest *id = &layout.manifest.config.digest;
	struct error ignored = {0};
	if (image_row_by_id(engine->store, id, ret_image, &ignored) == 0)
		return 0;
	if (load(engine, &layout, err) < 0)
		return error_wrap(err, "oci-layout://%s", text);
	return image_row_by_id(engine->store, id, ret_image, err);
}
