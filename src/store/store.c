#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "store/schema.h"
#include "store/transaction.h"

/* Content is added for as long as a pull or a build takes; a collection is short. */
#define LOCK_TIMEOUT	       (60 * NANOSECONDS_PER_SECOND)
#define LOCK_PAUSE_NANOSECONDS 2000000L

#define OTHER_PLACE "run as root, or choose another place with --root and --run-root"

/* A folder that another user owns or may write to is no place for what runs as root. */
static int check_folder(int fd, const char *path, struct error *err)
{
	struct stat status;
	if (fstat(fd, &status) < 0)
		return error_set_errno(err, errno, "stat %s", path);
	if (status.st_uid != geteuid())
		return error_set(err, ERROR_DENIED,
				 "the store at %s belongs to user %u, not to us (user %u): " OTHER_PLACE, path,
				 (unsigned)status.st_uid, (unsigned)geteuid());
	if (status.st_mode & 022)
		return error_set(
			err, ERROR_DENIED,
			"the store cannot be at %s: other users may write there (mode %04o); choose a folder of "
			"its own with --root and --run-root, or take the right away with chmod go-w",
			path, (unsigned)(status.st_mode & 07777));
	return 0;
}

/* Opens a root folder. ret_path is absolute and without links, owned by the caller. */
static int open_root(const char *given, char **ret_path, int *ret_fd, struct error *err)
{
	struct error reason = {0};
	cleanup_close int fd = open_folder(given, true, 0700, &reason);
	bool denied = reason.system_errno == EACCES || reason.system_errno == EPERM || reason.system_errno == EROFS;
	if (fd < 0 && denied)
		return error_set(err, ERROR_DENIED, "the store at %s: %s: " OTHER_PLACE, given, reason.message);
	if (fd < 0)
		return error_set(err, reason.kind, "the store at %s: %s", given, reason.message);
	cleanup_free char *path = realpath(given, NULL);
	if (!path)
		return error_set_errno(err, errno, "the store at %s: find its absolute path", given);
	if (check_folder(fd, path, err) < 0)
		return -1;
	*ret_path = steal_pointer(&path);
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int make_root_folders(int root_fd, struct error *err)
{
	static const char *const names[] = {"blobs", "layers", "containers", "volumes", "cache"};
	bool made = false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (mkdirat(root_fd, names[i], 0700) == 0)
			made = true;
		else if (errno == EACCES || errno == EPERM || errno == EROFS)
			return error_set(err, ERROR_DENIED, "make folder %s: %s: " OTHER_PLACE, names[i],
					 strerrordesc_np(errno));
		else if (errno != EEXIST)
			return error_set_errno(err, errno, "make folder %s", names[i]);
	}
	return made ? sync_fd(root_fd, err) : 0;
}

static int open_parts(struct store *store, struct error *err)
{
	if (make_root_folders(store->root_fd, err) < 0)
		return -1;
	if (mkdirat(store->run_root_fd, "containers", 0700) < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "make folder %s/containers", store->run_root);
	cleanup_close int blobs_fd = open_folder_at(store->root_fd, "blobs", false, 0, err);
	if (blobs_fd < 0 || blob_store_open_files(blobs_fd, &store->blobs, err) < 0)
		return -1;
	return store_open_database(store, err);
}

int store_open_database(struct store *store, struct error *err)
{
	cleanup_free char *path = format_string("%s/coracle.db", store->root);
	return database_open(path, store_migrations, &store->database, err);
}

void store_close_database(struct store *store)
{
	if (store->database)
		database_close(store->database);
	store->database = NULL;
}

int store_open(const char *root, const char *run_root, struct store **ret_store, struct error *err)
{
	cleanup_store struct store *store = allocate(sizeof *store);
	store->root_fd = -1;
	store->run_root_fd = -1;
	if (open_root(root, &store->root, &store->root_fd, err) < 0 ||
	    open_root(run_root, &store->run_root, &store->run_root_fd, err) < 0)
		return -1;
	if (open_parts(store, err) < 0)
		return error_wrap(err, "the store at %s", store->root);
	*ret_store = steal_pointer(&store);
	return 0;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	store_close_database(store);
	blob_store_free(store->blobs);
	if (store->root_fd >= 0)
		close(store->root_fd);
	if (store->run_root_fd >= 0)
		close(store->run_root_fd);
	free(store->root);
	free(store->run_root);
	free(store);
}

int store_lock_content(struct store *store, enum store_lock_mode mode, int *ret_fd, struct error *err)
{
	cleanup_close int fd = openat(store->root_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set_errno(err, errno, "open %s/lock", store->root);
	int operation = (mode == STORE_LOCK_SHARED ? LOCK_SH : LOCK_EX) | LOCK_NB;
	nanoseconds give_up = time_monotonic() + (mode == STORE_LOCK_TRY_EXCLUSIVE ? 0 : LOCK_TIMEOUT);
	while (flock(fd, operation) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return error_set_errno(err, errno, "lock %s/lock", store->root);
		if (time_monotonic() >= give_up)
			return error_set(
				err, ERROR_CONFLICT,
				mode == STORE_LOCK_SHARED
					? "the store is being cleaned by another command: try again when it has ended"
					: "another command is adding to the store (a pull, a build, a load): try again "
					  "when it has ended");
		struct timespec pause = {0, LOCK_PAUSE_NANOSECONDS};
		nanosleep(&pause, NULL);
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}
