#include "transfer/copy_target.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "oci/media_type.h"
#include "oci/reference.h"
#include "transfer/cancel.h"
#include "transfer/copy_index.h"
#include "transfer/manifest_put.h"
#include "transfer/upload.h"

static const char layout_text[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

bool copy_target_is_parallel(const struct copy_target *target)
{
	return !target->writer;
}

/* --- A layout --- */

/* One copy at a time works on a layout. */
static int lock_folder(int fd, struct error *err)
{
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_set_errno(err, errno, "lock the folder");
		if (cancel_sleep(CANCEL_POLL_MILLISECONDS, err) < 0)
			return -1;
	}
	return 0;
}

/* A folder that has something, and is no layout, is somebody else's. */
static int check_folder(struct copy_target *target, struct error *err)
{
	cleanup_close int copy = openat(target->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_directory DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	bool has_other = false;
	if (!directory)
		return error_set_errno(err, errno, "read the folder");
	copy = -1;
	for (struct dirent *entry; (entry = readdir(directory));)
		has_other = has_other || (entry->d_name[0] != '.' && strcmp(entry->d_name, "blobs") != 0);
	if (has_other && faccessat(target->folder_fd, "oci-layout", F_OK, 0) < 0)
		return error_set(err, ERROR_CONFLICT,
				 "the folder has something else in it, and is no OCI image layout");
	return 0;
}

static int open_layout(struct copy_target *target, struct error *err)
{
	target->is_new = mkdir(target->address->file, 0755) == 0;
	if (!target->is_new && errno != EEXIST)
		return error_set_errno(err, errno, "make the folder");
	target->folder_fd = open_folder(target->address->file, false, 0, err);
	if (target->folder_fd < 0 || lock_folder(target->folder_fd, err) < 0 || check_folder(target, err) < 0)
		return -1;
	target->blobs_fd = open_folder_at(target->folder_fd, "blobs", true, 0755, err);
	return target->blobs_fd < 0 ? -1 : 0;
}

static char *blob_path(const struct digest *digest)
{
	return format_string("%s/%s", digest_algorithm_name(digest_algorithm_of(digest)), digest_hex(digest));
}

/* One that is there is read, since another program may have left half of it. */
static bool has_blob(struct copy_target *target, const struct digest *digest, uint64_t size)
{
	cleanup_free char *path = blob_path(digest);
	cleanup_close int fd = openat(target->blobs_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || (uint64_t)status.st_size != size)
		return false;
	cleanup_hasher struct hasher *hasher = hasher_new(digest_algorithm_of(digest));
	cleanup_free char *chunk = allocate((size_t)256 * 1024);
	struct digest found;
	ssize_t got;
	while ((got = read_some(fd, chunk, (size_t)256 * 1024)) > 0)
		hasher_update(hasher, chunk, (size_t)got);
	hasher_finish(hasher, &found);
	return got == 0 && digest_equal(&found, digest);
}

static void note_added(struct copy_target *target, const char *path)
{
	pthread_mutex_lock(&target->lock);
	string_list_add(&target->added, path);
	pthread_mutex_unlock(&target->lock);
}

static void tell(void *context, uint64_t current)
{
	struct copy_tell *told = context;
	progress_tell(told->progress, "Copying", current, told->size);
}

static int write_blob(struct copy_target *target, struct copy_source *source, const struct descriptor *blob,
		      struct progress *progress, struct http *http, struct error *err)
{
	const char *algorithm = digest_algorithm_name(digest_algorithm_of(&blob->digest));
	cleanup_close int folder = open_folder_at(target->blobs_fd, algorithm, true, 0755, err);
	cleanup_atomic_output struct atomic_output output = ATOMIC_OUTPUT_INIT;
	struct copy_tell told = {progress, blob->size};
	if (folder < 0 || atomic_output_open_at(folder, digest_hex(&blob->digest), 0644, &output, err) < 0)
		return -1;
	struct sink sink = sink_to_fd(&output.fd);
	if (copy_source_blob(source, http, blob, &sink, tell, &told, err) < 0 || atomic_output_commit(&output, err) < 0)
		return -1;
	cleanup_free char *path = blob_path(&blob->digest);
	note_added(target, path);
	return 0;
}

static int write_layout_document(struct copy_target *target, const struct copy_document *document, struct error *err)
{
	const char *algorithm = digest_algorithm_name(digest_algorithm_of(&document->digest));
	if (has_blob(target, &document->digest, document->bytes.size))
		return 0;
	cleanup_close int folder = open_folder_at(target->blobs_fd, algorithm, true, 0755, err);
	cleanup_free char *path = blob_path(&document->digest);
	if (folder < 0 || atomic_file_write(folder, digest_hex(&document->digest), buffer_text(&document->bytes),
					    document->bytes.size, 0644, ATOMIC_FILE_DURABLE, err) < 0)
		return -1;
	note_added(target, path);
	return 0;
}

static int finish_layout(struct copy_target *target, struct error *err)
{
	cleanup_buffer struct buffer before = {0};
	cleanup_free char *index = NULL;
	struct error why = {0};
	if (read_file_at(target->folder_fd, "index.json", MANIFEST_SIZE_LIMIT, &before, &why) < 0 &&
	    why.kind != ERROR_NOT_FOUND) {
		if (err)
			*err = why;
		return -1;
	}
	if (copy_index_text(before.size ? &before : NULL, &target->root, NULL, target->address->name, &index, err) <
		    0 ||
	    atomic_file_write(target->folder_fd, "oci-layout", layout_text, strlen(layout_text), 0644,
			      ATOMIC_FILE_DURABLE, err) < 0)
		return -1;
	return atomic_file_write(target->folder_fd, "index.json", index, strlen(index), 0644, ATOMIC_FILE_DURABLE, err);
}

static void abandon_layout(struct copy_target *target)
{
	for (size_t i = 0; i < target->added.count; i++)
		unlinkat(target->blobs_fd, target->added.items[i], 0);
	/* A folder that has something else stays. */
	for (int i = 0; target->blobs_fd >= 0 && i < DIGEST_ALGORITHM_COUNT; i++)
		unlinkat(target->blobs_fd, digest_algorithm_name((enum digest_algorithm)i), AT_REMOVEDIR);
	if (target->folder_fd >= 0)
		unlinkat(target->folder_fd, "blobs", AT_REMOVEDIR);
	if (target->is_new)
		rmdir(target->address->file);
}

/* --- An archive --- */

static int write_member(struct copy_target *target, const char *path, const void *bytes, size_t size, struct error *err)
{
	struct tar_entry entry = {.path = path, .mode = S_IFREG | 0644, .size = size};
	return tar_writer_entry(target->writer, &entry, err) < 0 ? -1
								 : tar_writer_data(target->writer, bytes, size, err);
}

static int open_archive(struct copy_target *target, struct error *err)
{
	static const char *const folders[] = {"blobs", "blobs/sha256"};
	if (atomic_output_open(target->address->file, 0666, &target->archive, err) < 0)
		return -1;
	struct sink sink = sink_to_fd(&target->archive.fd);
	if (tar_writer_new(&sink, &target->writer, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		struct tar_entry entry = {.path = folders[i], .mode = S_IFDIR | 0755};
		if (tar_writer_entry(target->writer, &entry, err) < 0)
			return -1;
	}
	return write_member(target, "oci-layout", layout_text, strlen(layout_text), err);
}

static bool is_written(struct copy_target *target, const struct digest *digest)
{
	if (string_list_contains(&target->written, digest->text))
		return true;
	string_list_add(&target->written, digest->text);
	return false;
}

static int writer_write(void *context, const void *bytes, size_t size, struct error *err)
{
	return tar_writer_data(context, bytes, size, err);
}

static int archive_blob(struct copy_target *target, struct copy_source *source, const struct descriptor *blob,
			struct progress *progress, struct http *http, struct error *err)
{
	cleanup_free char *inside = blob_path(&blob->digest);
	cleanup_free char *path = format_string("blobs/%s", inside);
	struct tar_entry entry = {.path = path, .mode = S_IFREG | 0644, .size = blob->size};
	struct sink sink = {writer_write, target->writer};
	struct copy_tell told = {progress, blob->size};
	if (is_written(target, &blob->digest))
		return 0;
	return tar_writer_entry(target->writer, &entry, err) < 0
		       ? -1
		       : copy_source_blob(source, http, blob, &sink, tell, &told, err);
}

static int archive_document(struct copy_target *target, const struct copy_document *document, struct error *err)
{
	cleanup_free char *inside = blob_path(&document->digest);
	cleanup_free char *path = format_string("blobs/%s", inside);
	if (is_written(target, &document->digest))
		return 0;
	return write_member(target, path, buffer_text(&document->bytes), document->bytes.size, err);
}

static int finish_archive(struct copy_target *target, const struct copy_document *root, struct error *err)
{
	const struct copy_address *address = target->address;
	bool is_docker = address->kind == COPY_DOCKER_ARCHIVE;
	const char *name = address->name ? address->name : is_docker ? target->familiar : NULL;
	cleanup_reference struct reference reference = {0};
	cleanup_free char *full = NULL, *index = NULL;
	if (is_docker && name) {
		if (reference_parse(name, &reference, err) < 0)
			return -1;
		if (!reference.tag)
			name = NULL;
		else
			full = reference_text(&reference);
	}
	if (copy_index_text(NULL, &target->root, full, full ? reference.tag : name, &index, err) < 0 ||
	    write_member(target, "index.json", index, strlen(index), err) < 0)
		return -1;
	if (is_docker) {
		cleanup_free char *familiar = full ? reference_familiar_text(&reference) : NULL;
		cleanup_free char *list = NULL;
		if (copy_index_docker(root, familiar, &list, err) < 0 ||
		    write_member(target, "manifest.json", list, strlen(list), err) < 0)
			return -1;
	}
	return tar_writer_finish(target->writer, err) < 0 ? -1 : atomic_output_commit(&target->archive, err);
}

/* --- All --- */

int copy_target_open(const struct copy_address *address, struct registry *registry, struct copy_target *ret_target,
		     struct error *err)
{
	struct copy_target target = {.address = address,
				     .registry = registry,
				     .folder_fd = -1,
				     .blobs_fd = -1,
				     .archive = ATOMIC_OUTPUT_INIT};
	pthread_mutex_init(&target.lock, NULL);
	/* In its place at once: the writer of an archive holds the address of its descriptor. */
	*ret_target = target;
	int result = address->kind == COPY_REGISTRY ? 0
		     : address->kind == COPY_LAYOUT ? open_layout(ret_target, err)
						    : open_archive(ret_target, err);
	if (result == 0)
		return 0;
	copy_target_release(ret_target);
	return error_wrap(err, "%s", address->file);
}

void copy_target_release(struct copy_target *target)
{
	if (!target->address)
		return;
	if (target->address->kind == COPY_LAYOUT && !target->is_finished)
		abandon_layout(target);
	atomic_output_release(&target->archive);
	tar_writer_free(target->writer);
	string_list_release(&target->added);
	string_list_release(&target->written);
	descriptor_release(&target->root);
	if (target->blobs_fd >= 0)
		close(target->blobs_fd);
	if (target->folder_fd >= 0)
		close(target->folder_fd);
	pthread_mutex_destroy(&target->lock);
	*target = (struct copy_target){0};
}

static int send_blob(struct copy_target *target, struct copy_source *source, const struct descriptor *blob,
		     struct progress *progress, struct http *http, struct error *err)
{
	struct upload upload = {.registry = target->registry,
				.path = target->address->registry.path,
				.blob = blob,
				.blobs = source->blobs,
				.progress = progress};
	if (source->registry) {
		upload.origin = source->registry;
		upload.origin_path = request_remote_path(source->asked);
	}
	return upload_blob(&upload, http, err);
}

int copy_target_blob(struct copy_target *target, struct copy_source *source, const struct descriptor *blob,
		     struct progress *progress, struct http *http, struct error *err)
{
	if (target->registry)
		return send_blob(target, source, blob, progress, http, err);
	if (target->address->kind == COPY_LAYOUT && has_blob(target, &blob->digest, blob->size)) {
		progress_tell(progress, "Already exists", 0, 0);
		return 0;
	}
	int result = target->address->kind == COPY_LAYOUT ? write_blob(target, source, blob, progress, http, err)
							  : archive_blob(target, source, blob, progress, http, err);
	if (result == 0)
		progress_tell(progress, "Copied", 0, 0);
	return result;
}

static int put(struct copy_target *target, const struct copy_document *document, const char *reference,
	       struct http *http, struct error *err)
{
	const struct manifest_put put = {.registry = target->registry,
					 .path = target->address->registry.path,
					 .reference = reference,
					 .media_type = document->media_type,
					 .digest = &document->digest,
					 .bytes = &document->bytes};
	return manifest_put(&put, http, err);
}

int copy_target_document(struct copy_target *target, const struct copy_document *document, struct http *http,
			 struct error *err)
{
	if (target->registry)
		return put(target, document, document->digest.text, http, err);
	return target->address->kind == COPY_LAYOUT ? write_layout_document(target, document, err)
						    : archive_document(target, document, err);
}

int copy_target_finish(struct copy_target *target, const struct copy_document *root, struct http *http,
		       struct error *err)
{
	struct descriptor descriptor = {
		.media_type = root->media_type, .digest = root->digest, .size = root->bytes.size};
	const char *tag = target->address->registry.tag;
	int result;
	descriptor_copy(&target->root, &descriptor);
	if (target->registry)
		result = put(target, root, tag ? tag : root->digest.text, http, err);
	else
		result = target->address->kind == COPY_LAYOUT ? finish_layout(target, err)
							      : finish_archive(target, root, err);
	target->is_finished = result == 0;
	return result;
}
