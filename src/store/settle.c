/*
 * What builds keep for this boot becomes durable (boot_folder.h): names are listed, one syncfs covers all that they
 * name, they are moved to their places, and those folders are synced.
 *
 * Another build may put more there meanwhile: it is not in the list and waits for the next time, since the syncfs may
 * have missed it. Another process may move the same names: whoever comes second finds them gone, but cannot know that
 * their new place is durable; hence store_settle_for_row(), which syncs the folders in any case.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/random.h"
#include "store/boot_folder.h"
#include "store/store.h"

/* blobs/ or layers/ */
struct settling {
	int fd; /* owned */
	dev_t device;
	struct string_list names[DIGEST_ALGORITHM_COUNT];
	size_t count;
};

static void settling_release(struct settling *settling)
{
	for (int i = 0; i < DIGEST_ALGORITHM_COUNT; i++)
		string_list_release(&settling->names[i]);
	if (settling->fd >= 0)
		close(settling->fd);
}

static int list_names(struct settling *settling, const char *boot, enum digest_algorithm algorithm, struct error *err)
{
	char path[BOOT_PLACE_SIZE], text[BOOT_PLACE_SIZE + NAME_MAX];
	snprintf(path, sizeof path, "%s/%s", boot, digest_algorithm_name(algorithm));
	int fd = openat(settling->fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : error_set_errno(err, errno, "open folder %s", path);
	cleanup_directory DIR *directory = fdopendir(fd);
	if (!directory) {
		close(fd);
		return error_set_errno(err, errno, "read folder %s", path);
	}
	for (;;) {
		struct digest digest;
		errno = 0;
		const struct dirent *entry = readdir(directory);
		if (!entry)
			return errno ? error_set_errno(err, errno, "read folder %s", path) : 0;
		snprintf(text, sizeof text, "%s:%s", digest_algorithm_name(algorithm), entry->d_name);
		if (digest_parse(text, &digest, NULL) < 0)
			continue;
		string_list_add(&settling->names[algorithm], entry->d_name);
		settling->count++;
	}
}

static int begin(struct settling *settling, const struct store *store, const char *folder, struct error *err)
{
	struct stat status;
	const char *boot = boot_folder_name();
	settling->fd = open_folder_at(store->root_fd, folder, false, 0, err);
	if (settling->fd < 0)
		return -1;
	if (fstat(settling->fd, &status) < 0)
		return error_set_errno(err, errno, "stat %s", folder);
	settling->device = status.st_dev;
	for (int i = 0; boot && i < DIGEST_ALGORITHM_COUNT; i++)
		if (list_names(settling, boot, (enum digest_algorithm)i, err) < 0)
			return -1;
	return 0;
}

/*
 * One that somebody else has put in its place meanwhile stays; ours may be mounted by a step, so that it goes where a
 * collector takes it, which has the store to itself.
 */
static int move(struct settling *settling, const char *algorithm, const char *name, struct error *err)
{
	char from[2 * BOOT_PLACE_SIZE], to[BOOT_PLACE_SIZE], aside[64] = "staging/";
	snprintf(from, sizeof from, "%s/%s/%s", boot_folder_name(), algorithm, name);
	snprintf(to, sizeof to, "%s/%s", algorithm, name);
	if (renameat2(settling->fd, from, settling->fd, to, RENAME_NOREPLACE) == 0 || errno == ENOENT)
		return 0;
	if (errno != EEXIST)
		return error_set_errno(err, errno, "put %s in place", to);
	if (unlinkat(settling->fd, from, 0) == 0 || errno == ENOENT)
		return 0;
	random_hex(aside + strlen(aside), 32);
	if (renameat(settling->fd, from, settling->fd, aside) < 0 && errno != ENOENT)
		return error_set_errno(err, errno, "move %s aside", from);
	return 0;
}

/* The folder of an algorithm is synced where something is new in it, or where `always`. */
static int finish(struct settling *settling, bool always, struct error *err)
{
	for (int i = 0; i < DIGEST_ALGORITHM_COUNT; i++) {
		const char *name = digest_algorithm_name((enum digest_algorithm)i);
		const struct string_list *names = &settling->names[i];
		if (!names->count && !always)
			continue;
		if (names->count && mkdirat(settling->fd, name, 0700) == 0 && sync_fd(settling->fd, err) < 0)
			return error_wrap(err, "folder %s", name);
		cleanup_close int fd = openat(settling->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT && !names->count)
			continue;
		if (fd < 0)
			return error_set_errno(err, errno, "open folder %s", name);
		for (size_t j = 0; j < names->count; j++)
			if (move(settling, name, names->items[j], err) < 0)
				return -1;
		if (sync_fd(fd, err) < 0)
			return error_wrap(err, "folder %s", name);
	}
	return 0;
}

static int settle(struct store *store, bool for_row, struct error *err)
{
	CLEANUP(settling_release) struct settling blobs = {.fd = -1}, layers = {.fd = -1};
	if (begin(&blobs, store, "blobs", err) < 0 || begin(&layers, store, "layers", err) < 0)
		return -1;
	size_t count = blobs.count + layers.count;
	if (count && syncfs(layers.fd) < 0)
		return error_set_errno(err, errno, "sync what was built");
	if (count && blobs.device != layers.device && syncfs(blobs.fd) < 0)
		return error_set_errno(err, errno, "sync what was built");
	return finish(&blobs, for_row, err) < 0 || finish(&layers, for_row, err) < 0 ? -1 : 0;
}

int store_settle(struct store *store, struct error *err)
{
	return settle(store, false, err);
}

int store_settle_for_row(struct store *store, struct error *err)
{
	return settle(store, true, err);
}
