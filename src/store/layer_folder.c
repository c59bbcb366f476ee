/*
 * Layers come and go by rename, so that a folder under a digest is whole at any instant: it is filled and synced under
 * staging/ before, and taken back to staging/ to be removed.
 */
#include "store/layer_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/boot_folder.h"
#include "store/layer_record.h"

#define LAYER_PATH_SIZE	  (DIGEST_TEXT_SIZE + 8)
#define STAGING_PATH_SIZE 48

/* The digest is parsed once more: nothing else may ever become a path. */
static int layer_path(const struct digest *diff_id, char path[LAYER_PATH_SIZE], struct error *err)
{
	struct digest checked;
	if (digest_parse(diff_id->text, &checked, err) < 0)
		return -1;
	snprintf(path, LAYER_PATH_SIZE, "%s/%s", digest_algorithm_name(digest_algorithm_of(&checked)),
		 digest_hex(&checked));
	return 0;
}

static int open_layers(int root_fd, bool make, struct error *err)
{
	return open_folder_at(root_fd, "layers", make, 0700, err);
}

bool layer_folder_exists(int root_fd, const struct digest *diff_id)
{
	int fd;
	if (layer_folder_open(root_fd, diff_id, &fd, NULL) < 0)
		return false;
	close(fd);
	return true;
}

int layer_folder_open(int root_fd, const struct digest *diff_id, int *ret_fd, struct error *err)
{
	char path[LAYER_PATH_SIZE], place[BOOT_PLACE_SIZE], full[BOOT_PLACE_SIZE + 8];
	if (layer_path(diff_id, path, err) < 0)
		return -1;
	int fd = -1;
	for (unsigned i = 0; fd < 0 && (i == 0 || errno == ENOENT) && boot_folder_place(i, path, place); i++) {
		snprintf(full, sizeof full, "layers/%s", place);
		fd = openat(root_fd, full, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	}
	if (fd < 0)
		return errno == ENOENT ? error_set(err, ERROR_NOT_FOUND, "no such layer: %s", diff_id->text)
				       : error_set_errno(err, errno, "open layer %s", diff_id->text);
	*ret_fd = fd;
	return 0;
}

static int make_staging_name(int layers_fd, char name[33], char path[STAGING_PATH_SIZE], struct error *err)
{
	if (mkdirat(layers_fd, "staging", 0700) < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "make folder layers/staging");
	random_hex(name, 32);
	snprintf(path, STAGING_PATH_SIZE, "staging/%s", name);
	return 0;
}

int layer_folder_remove(int root_fd, const struct digest *diff_id, struct error *err)
{
	char path[LAYER_PATH_SIZE], name[33], staging[STAGING_PATH_SIZE];
	if (layer_path(diff_id, path, err) < 0)
		return -1;
	cleanup_close int layers_fd = open_layers(root_fd, false, err);
	if (layers_fd < 0 || make_staging_name(layers_fd, name, staging, err) < 0)
		return -1;
	if (renameat(layers_fd, path, layers_fd, staging) < 0)
		return errno == ENOENT ? error_set(err, ERROR_NOT_FOUND, "no such layer: %s", diff_id->text)
				       : error_set_errno(err, errno, "remove layer %s", diff_id->text);
	/* A power cut must not bring the name back over a folder that is half empty. */
	cleanup_close int algorithm_fd =
		open_folder_at(layers_fd, digest_algorithm_name(digest_algorithm_of(diff_id)), false, 0, err);
	if (algorithm_fd < 0 || sync_fd(algorithm_fd, err) < 0 || layer_record_remove(layers_fd, diff_id, err) < 0 ||
	    remove_tree_at(layers_fd, staging, err) < 0)
		return error_wrap(err, "remove layer %s", diff_id->text);
	return 0;
}

int layer_staging_begin(int root_fd, struct layer_staging *ret_staging, struct error *err)
{
	char path[STAGING_PATH_SIZE];
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	staging.layers_fd = open_layers(root_fd, true, err);
	if (staging.layers_fd < 0 || make_staging_name(staging.layers_fd, staging.name, path, err) < 0)
		return -1;
	staging.folder_fd = open_folder_at(staging.layers_fd, path, true, 0755, err);
	if (staging.folder_fd < 0)
		return -1;
	/* It may become the root folder of a container, which is 0755 whatever our umask is. */
	if (fchmod(staging.folder_fd, 0755) < 0)
		return error_set_errno(err, errno, "set mode of layers/%s", path);
	*ret_staging = staging;
	staging = LAYER_STAGING_INIT;
	return 0;
}

/* layers/<algorithm>, with a name that lasts; owned by the caller. */
static int open_algorithm(const struct layer_staging *staging, const struct digest *diff_id, struct error *err)
{
	const char *algorithm = digest_algorithm_name(digest_algorithm_of(diff_id));
	if (mkdirat(staging->layers_fd, algorithm, 0700) == 0) {
		if (sync_fd(staging->layers_fd, err) < 0)
			return -1;
	} else if (errno != EEXIST) {
		return error_set_errno(err, errno, "make folder layers/%s", algorithm);
	}
	return open_folder_at(staging->layers_fd, algorithm, false, 0, err);
}

/* Renames it from staging, or, where `flags` is RENAME_EXCHANGE, the old one to staging besides. */
static int put_in_place(struct layer_staging *staging, const struct digest *diff_id, unsigned flags, struct error *err)
{
	char to[LAYER_PATH_SIZE], from[STAGING_PATH_SIZE];
	if (layer_path(diff_id, to, err) < 0)
		return -1;
	snprintf(from, sizeof from, "staging/%s", staging->name);
	cleanup_close int algorithm_fd = open_algorithm(staging, diff_id, err);
	if (algorithm_fd < 0)
		return -1;
	/*
	 * One syncfs for all the files of the layer, in place of an fsync for each; none where the layer is there
	 * already: a step that changes nothing makes the same empty layer each time.
	 */
	bool is_there = flags == RENAME_NOREPLACE && faccessat(staging->layers_fd, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	if (!is_there && syncfs(staging->folder_fd) < 0)
		return error_set_errno(err, errno, "sync layer %s", diff_id->text);
	/* The record first: a folder that should have one has it. */
	if (staging->has_record) {
		if (layer_record_commit(staging->layers_fd, staging->name, diff_id, err) < 0)
			return -1;
		staging->has_record = false;
	} else if (flags == RENAME_EXCHANGE && layer_record_remove(staging->layers_fd, diff_id, err) < 0) {
		return -1;
	}
	bool is_left = is_there || flags == RENAME_EXCHANGE; /* something is in staging after it */
	if (!is_there && renameat2(staging->layers_fd, from, staging->layers_fd, to, flags) < 0) {
		if (errno != EEXIST)
			return error_set_errno(err, errno, "put layer %s in place", diff_id->text);
		is_left = true;
	}
	/* The winner of a race may not have come to this point yet. */
	if (sync_fd(algorithm_fd, err) < 0)
		return error_wrap(err, "layer %s", diff_id->text);
	if (!is_left)
		staging->name[0] = '\0';
	layer_staging_release(staging);
	return 0;
}

int layer_staging_commit(struct layer_staging *staging, const struct digest *diff_id, struct error *err)
{
	return put_in_place(staging, diff_id, RENAME_NOREPLACE, err);
}

int layer_staging_keep(struct layer_staging *staging, int root_fd, const struct digest *diff_id, struct error *err)
{
	char from[STAGING_PATH_SIZE], path[LAYER_PATH_SIZE];
	if (!boot_folder_name() || staging->has_record)
		return layer_staging_commit(staging, diff_id, err);
	if (layer_path(diff_id, path, err) < 0)
		return -1;
	if (layer_folder_exists(root_fd, diff_id)) {
		layer_staging_release(staging);
		return 0;
	}
	cleanup_close int folder_fd = boot_folder_open(staging->layers_fd, digest_algorithm_of(diff_id), err);
	if (folder_fd < 0)
		return -1;
	snprintf(from, sizeof from, "staging/%s", staging->name);
	if (renameat2(staging->layers_fd, from, folder_fd, digest_hex(diff_id), RENAME_NOREPLACE) == 0)
		staging->name[0] = '\0';
	else if (errno != EEXIST)
		return error_set_errno(err, errno, "put layer %s in place", diff_id->text);
	layer_staging_release(staging);
	return 0;
}

int layer_staging_replace(struct layer_staging *staging, const struct digest *diff_id, struct error *err)
{
	char path[LAYER_PATH_SIZE];
	if (layer_path(diff_id, path, err) < 0)
		return -1;
	bool is_there = faccessat(staging->layers_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	return put_in_place(staging, diff_id, is_there ? RENAME_EXCHANGE : RENAME_NOREPLACE, err);
}

int layer_staging_leave(struct layer_staging *staging, struct layer_waiting *ret_waiting, struct error *err)
{
	struct layer_waiting waiting = {.has_record = staging->has_record};
	if (syncfs(staging->folder_fd) < 0)
		return error_set_errno(err, errno, "sync layers/staging/%s", staging->name);
	memcpy(waiting.name, staging->name, sizeof waiting.name);
	staging->name[0] = '\0';
	layer_staging_release(staging);
	*ret_waiting = waiting;
	return 0;
}

int layer_staging_take(int root_fd, const struct layer_waiting *waiting, struct layer_staging *ret_staging,
		       struct error *err)
{
	char path[STAGING_PATH_SIZE + 8];
	cleanup_close int layers_fd = -1, folder_fd = -1;
	if (strlen(waiting->name) != 32 || strspn(waiting->name, "0123456789abcdef") != 32)
		return error_set(err, ERROR_INVALID, "this is no staged layer's name: %.40s", waiting->name);
	layers_fd = open_layers(root_fd, false, err);
	if (layers_fd < 0)
		return -1;
	snprintf(path, sizeof path, "staging/%s", waiting->name);
	folder_fd = openat(layers_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder_fd < 0)
		return error_set_errno(err, errno, "open layers/%s", path);
	snprintf(path, sizeof path, "staging/%s.record", waiting->name);
	if (waiting->has_record && faccessat(layers_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set_errno(err, errno, "find layers/%s", path);
	*ret_staging = (struct layer_staging){.has_record = waiting->has_record};
	memcpy(ret_staging->name, waiting->name, sizeof waiting->name);
	ret_staging->layers_fd = layers_fd;
	ret_staging->folder_fd = folder_fd;
	layers_fd = folder_fd = -1;
	return 0;
}

void layer_staging_release(struct layer_staging *staging)
{
	if (staging->folder_fd >= 0)
		close(staging->folder_fd);
	if (staging->layers_fd >= 0) {
		if (staging->name[0]) {
			char path[STAGING_PATH_SIZE];
			snprintf(path, sizeof path, "staging/%s", staging->name);
			remove_tree_at(staging->layers_fd, path, NULL);
			if (staging->has_record)
				layer_record_abort(staging->layers_fd, staging->name);
		}
		close(staging->layers_fd);
	}
	*staging = LAYER_STAGING_INIT;
}
