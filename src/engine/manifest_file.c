#include "engine/manifest_file.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>

#include "base/atomic_file.h"
#include "base/fd.h"

#define FILE_LIMIT ((size_t)64 * 1024 * 1024)

void manifest_files_release(struct manifest_files *files)
{
	if (files->lock_fd >= 0)
		close(files->lock_fd);
	if (files->folder_fd >= 0)
		close(files->folder_fd);
}

int manifest_files_open(struct engine *engine, bool for_writing, struct manifest_files *ret_files, struct error *err)
{
	cleanup_manifest_files struct manifest_files files = MANIFEST_FILES_INIT;
	files.folder_fd = open_folder_at(engine->store->root_fd, "manifests", true, 0700, err);
	if (files.folder_fd < 0)
		return -1;
	if (for_writing) {
		files.lock_fd = openat(files.folder_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		while (files.lock_fd >= 0 && flock(files.lock_fd, LOCK_EX) < 0)
			if (errno != EINTR)
				return error_set_errno(err, errno, "lock the manifest lists");
		if (files.lock_fd < 0)
			return error_set_errno(err, errno, "open the lock of the manifest lists");
	}
	*ret_files = files;
	files = MANIFEST_FILES_INIT;
	return 0;
}

static char *file_name(const struct reference *list)
{
	cleanup_free char *text = reference_text(list);
	struct digest digest;
	digest_of_bytes(text, strlen(text), &digest);
	return format_string("%s.json", digest_hex(&digest));
}

static int check(const json_t *document, struct error *err)
{
	json_t *entries = NULL;
	if (json_get_array(document, "manifests", &entries, err) < 0)
		return -1;
	if (!entries)
		return error_set(err, ERROR_INVALID, "it has no manifests");
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *entry = json_array_get(entries, i);
		const char *text;
		json_t *descriptor = NULL;
		struct digest digest;
		if (json_need_string(entry, "reference", &text, err) < 0 ||
		    json_need_string(entry, "source", &text, err) < 0 ||
		    json_need_string(entry, "document", &text, err) < 0 ||
		    json_get_object(entry, "descriptor", &descriptor, err) < 0 ||
		    json_need_string(descriptor, "mediaType", &text, err) < 0 ||
		    json_need_string(descriptor, "digest", &text, err) < 0 || digest_parse(text, &digest, err) < 0)
			return -1;
	}
	return 0;
}

int manifest_files_read(const struct manifest_files *files, const struct reference *list, json_t **ret_document,
			struct error *err)
{
	cleanup_free char *name = file_name(list);
	cleanup_buffer struct buffer text = {0};
	cleanup_json json_t *document = NULL;
	struct error why = {0};
	if (read_file_at(files->folder_fd, name, FILE_LIMIT, &text, &why) < 0) {
		cleanup_free char *familiar = reference_familiar_text(list);
		if (why.kind == ERROR_NOT_FOUND)
			return error_set(err, ERROR_NOT_FOUND, "No such manifest: %s", familiar);
		if (err)
			*err = why;
		return -1;
	}
	if (json_parse(buffer_text(&text), text.size, &document, err) < 0 || check(document, err) < 0)
		return error_wrap(err, "the manifest list in manifests/%s", name);
	*ret_document = steal_pointer(&document);
	return 0;
}

int manifest_files_write(const struct manifest_files *files, const struct reference *list, const json_t *document,
			 struct error *err)
{
	cleanup_free char *name = file_name(list);
	cleanup_free char *text = json_text(document);
	return atomic_file_write(files->folder_fd, name, text, strlen(text), 0600, ATOMIC_FILE_DURABLE, err);
}

int manifest_files_remove(const struct manifest_files *files, const struct reference *list, struct error *err)
{
	cleanup_free char *name = file_name(list);
	if (unlinkat(files->folder_fd, name, 0) < 0)
		return error_set_errno(err, errno, "remove the manifest list");
	return sync_fd(files->folder_fd, err);
}
