#include "engine/load_archive.h"

#include <string.h>
#include <sys/stat.h>

#include "archive/compression.h"
#include "archive/member_path.h"
#include "archive/tar_reader.h"
#include "oci/media_type.h"

#define SHA256_FOLDER "blobs/sha256/"
#define SHA512_FOLDER "blobs/sha512/"
#define LINKS_LIMIT   8
#define SCRATCH_SIZE  ((size_t)128 * 1024)
#define TELL_INTERVAL ((uint64_t)512 * 1024)

/* The contents of one entry, hashed and, where it is compressed, kept as they pass. */
struct entry_source {
	struct load_archive *archive;
	struct load_file *file;
	struct tar_reader *reader;
	struct tar_block block;
	size_t used; /* of the block */
	uint64_t position;
	struct hasher *hasher;
	const struct transfer_progress *progress;
	uint64_t told;
	uint64_t total;
};

static const char *id_of(const struct load_file *file)
{
	const char *name = file->path;
	if (strncmp(name, SHA256_FOLDER, strlen(SHA256_FOLDER)) == 0)
		name += strlen(SHA256_FOLDER);
	else if (strncmp(name, SHA512_FOLDER, strlen(SHA512_FOLDER)) == 0)
		name += strlen(SHA512_FOLDER);
	return name;
}

static void tell(struct entry_source *entry, const char *status)
{
	char id[13];
	if (!entry->progress || !entry->progress->layer)
		return;
	snprintf(id, sizeof id, "%.12s", id_of(entry->file));
	entry->told = entry->position;
	entry->progress->layer(entry->progress->context, id, status, (int64_t)entry->position, (int64_t)entry->total);
}

/* 0: the end. */
static int next_block(struct entry_source *entry, struct error *err)
{
	while (entry->used == entry->block.size) {
		entry->used = 0;
		entry->block = (struct tar_block){0};
		int more = tar_reader_data(entry->reader, &entry->block, err);
		if (more <= 0)
			return more;
		if (entry->block.size > 0 && entry->block.offset != entry->position)
			return error_set(err, ERROR_INVALID, "\"%.200s\" of the archive is a sparse file",
					 entry->file->path);
	}
	return 1;
}

static ssize_t entry_read(void *context, void *bytes, size_t size, struct error *err)
{
	struct entry_source *entry = context;
	int more = next_block(entry, err);
	if (more <= 0)
		return more;
	size_t part = entry->block.size - entry->used;
	if (part > size)
		part = size;
	memcpy(bytes, (const char *)entry->block.bytes + entry->used, part);
	entry->used += part;
	entry->position += part;
	hasher_update(entry->hasher, bytes, part);
	struct blob_upload *upload = entry->file->upload;
	if (upload && upload->store->operations->upload_append(upload, bytes, part, err) < 0)
		return -1;
	if (entry->position - entry->told >= TELL_INTERVAL)
		tell(entry, "Loading layer");
	return (ssize_t)part;
}

static bool begins_with(const struct entry_source *entry, const char *bytes, size_t size)
{
	return entry->block.size >= size && memcmp(entry->block.bytes, bytes, size) == 0;
}

static int read_rest(struct entry_source *entry, struct error *err)
{
	cleanup_free char *scratch = allocate(SCRATCH_SIZE);
	ssize_t got;
	while ((got = entry_read(entry, scratch, SCRATCH_SIZE, err)) > 0)
		continue;
	return (int)got;
}

static int read_document(struct entry_source *entry, struct error *err)
{
	struct load_archive *archive = entry->archive;
	struct source from = {entry_read, entry};
	entry->file->kind = LOAD_DOCUMENT;
	entry->file->bytes = BUFFER_INIT(LOAD_DOCUMENT_LIMIT);
	struct sink to = sink_to_buffer(&entry->file->bytes);
	if (stream_copy(&from, &to, LOAD_DOCUMENT_LIMIT, NULL, err) < 0)
		return -1;
	archive->document_bytes += entry->file->bytes.size;
	if (archive->document_bytes > LOAD_DOCUMENTS_LIMIT)
		return error_set(err, ERROR_LIMIT, "the archive has more than %zu bytes of documents",
				 LOAD_DOCUMENTS_LIMIT);
	return 0;
}

/* What is no layer is no error yet: no image may ask for it. */
static int read_layer(struct entry_source *entry, struct error *err)
{
	struct load_file *file = entry->file;
	struct blob_store *blobs = entry->archive->store->blobs;
	bool is_gzip = begins_with(entry, "\x1f\x8b", 2), is_zstd = begins_with(entry, "\x28\xb5\x2f\xfd", 4);
	struct source from = {entry_read, entry};
	struct layer_totals totals;
	file->media_type = is_gzip   ? MEDIA_TYPE_OCI_LAYER_GZIP
			   : is_zstd ? MEDIA_TYPE_OCI_LAYER_ZSTD
				     : MEDIA_TYPE_OCI_LAYER;
	/* Of a plain one too: where a name comes twice in it, there is no record to make it from again. */
	if (blobs->operations->upload_open(blobs, NULL, &file->upload, err) < 0)
		return -1;
	tell(entry, "Loading layer");
	if (layer_unpack_as_any(entry->archive->store->root_fd, &from, NULL, &file->staging, file->diff_ids, &totals,
				&file->failure) < 0) {
		enum error_kind kind = file->failure.kind;
		if (kind == ERROR_SYSTEM || kind == ERROR_CANCELLED || kind == ERROR_NOT_FOUND) {
			if (err)
				*err = file->failure;
			return -1;
		}
		file->kind = LOAD_OTHER;
		if (file->upload)
			blobs->operations->upload_abort(steal_pointer(&file->upload));
		return 0;
	}
	file->kind = LOAD_LAYER;
	file->layer_size = totals.bytes;
	if (read_rest(entry, err) < 0)
		return -1;
	if (!is_gzip && !is_zstd && file->staging.has_record)
		blobs->operations->upload_abort(steal_pointer(&file->upload));
	tell(entry, "Loading layer");
	return 0;
}

static int read_file(struct load_archive *archive, struct load_file *file, struct tar_reader *reader, uint64_t size,
		     const struct transfer_progress *progress, struct error *err)
{
	bool is_sha512 = strncmp(file->path, SHA512_FOLDER, strlen(SHA512_FOLDER)) == 0;
	cleanup_hasher struct hasher *hasher = hasher_new(is_sha512 ? DIGEST_SHA512 : DIGEST_SHA256);
	struct entry_source entry = {.archive = archive,
				     .file = file,
				     .reader = reader,
				     .hasher = hasher,
				     .progress = progress,
				     .total = size};
	int more = next_block(&entry, err);
	if (more < 0)
		return -1;
	bool is_json = begins_with(&entry, "{", 1) || begins_with(&entry, "[", 1);
	int result = more == 0 || (is_json && size <= LOAD_DOCUMENT_LIMIT) ? read_document(&entry, err)
									   : read_layer(&entry, err);
	if (result < 0)
		return -1;
	file->size = entry.position;
	hasher_finish(hasher, &file->digest);
	return 0;
}

static int read_entry(struct load_archive *archive, struct tar_reader *reader, struct archive_entry *entry,
		      const struct transfer_progress *progress, struct error *err)
{
	const char *name = archive_entry_pathname(entry);
	const char *hard = archive_entry_hardlink(entry), *target = hard;
	mode_t type = archive_entry_filetype(entry);
	if (!name || !member_path_is_inside(name))
		return error_set(err, ERROR_INVALID, "invalid archive: the name \"%.200s\" leads out of it",
				 name ? name : "");
	if (type == S_IFLNK)
		target = archive_entry_symlink(entry);
	if (!target && type != S_IFREG)
		return 0;
	if (archive->count == LOAD_FILES_LIMIT)
		return error_set(err, ERROR_LIMIT, "the archive has more than %zu files", LOAD_FILES_LIMIT);
	archive->files = reallocate_array(archive->files, archive->count + 1, sizeof *archive->files);
	struct load_file *file = &archive->files[archive->count++];
	*file = (struct load_file){.kind = LOAD_OTHER, .staging = LAYER_STAGING_INIT};
	file->path = member_path_clean("", name);
	if (!file->path) {
		archive->count--;
		return 0;
	}
	if (!target)
		return read_file(archive, file, reader, (uint64_t)archive_entry_size(entry), progress, err);
	const char *slash = strrchr(file->path, '/');
	cleanup_free char *folder =
		hard || !slash ? duplicate_string("") : duplicate_bytes(file->path, (size_t)(slash - file->path));
	file->kind = LOAD_LINK;
	file->target = member_path_clean(folder, target);
	return 0;
}

int load_archive_read(struct load_archive *archive, const struct source *tar, const struct transfer_progress *progress,
		      struct error *err)
{
	struct decompressor *decompressor = NULL;
	if (decompressor_new_any(tar, &decompressor, err) < 0)
		return -1;
	struct source plain = decompressor_source(decompressor);
	struct tar_reader *reader = NULL;
	struct archive_entry *entry;
	int more = tar_reader_new(&plain, &reader, err);
	while (more >= 0 && (more = tar_reader_next(reader, &entry, err)) > 0)
		if (read_entry(archive, reader, entry, progress, err) < 0)
			more = -1;
	if (more == 0)
		more = tar_reader_drain(reader, err);
	tar_reader_free(reader);
	decompressor_free(decompressor);
	return more;
}

struct load_file *load_archive_find(struct load_archive *archive, const char *path)
{
	cleanup_free char *wanted = member_path_clean("", path);
	for (int links = 0; wanted && links <= LINKS_LIMIT; links++) {
		struct load_file *found = NULL;
		/* The last of a name counts. */
		for (size_t i = 0; i < archive->count; i++)
			if (strcmp(archive->files[i].path, wanted) == 0)
				found = &archive->files[i];
		if (!found || found->kind != LOAD_LINK)
			return found;
		replace_string(&wanted, found->target ? duplicate_string(found->target) : NULL);
	}
	return NULL;
}

struct load_file *load_archive_find_digest(struct load_archive *archive, const struct digest *digest)
{
	for (size_t i = 0; i < archive->count; i++)
		if (archive->files[i].kind != LOAD_LINK && digest_equal(&archive->files[i].digest, digest))
			return &archive->files[i];
	return NULL;
}

void load_archive_release(struct load_archive *archive)
{
	for (size_t i = 0; i < archive->count; i++) {
		struct load_file *file = &archive->files[i];
		if (file->upload)
			file->upload->store->operations->upload_abort(file->upload);
		layer_staging_release(&file->staging);
		buffer_release(&file->bytes);
		free(file->path);
		free(file->target);
	}
	free(archive->files);
	*archive = (struct load_archive){0};
}
