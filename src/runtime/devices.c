#include "runtime/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"

#define DEVICE_LIMIT 8192
#define FOLDER_DEPTH 8

static const struct {
	const char *name;
	unsigned major, minor;
} default_nodes[] = {
	{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};

static const struct {
	const char *name, *target;
} default_links[] = {
	{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"},	     {"core", "/proc/kcore"},
};

/* What a container has of its own below /dev. */
static const char *const own_names[] = {"pts",	   "shm",  "mqueue", "console", "fd",	      "stdin", "stdout",
					"stderr",  "ptmx", "core",   "null",	"zero",	      "full",  "random",
					"urandom", "tty",  ".udev",  ".lxc",	".lxd-mounts"};

void device_list_release(struct device_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->nodes[i].name);
	free(list->nodes);
	*list = (struct device_list){NULL, 0};
}

static int list_add(struct device_list *list, const char *name, const struct stat *status, struct error *err)
{
	if (list->count == DEVICE_LIMIT)
		return error_set(err, ERROR_LIMIT, "the host has more than %d devices", DEVICE_LIMIT);
	if ((list->count & (list->count - 1)) == 0)
		list->nodes = reallocate_array(list->nodes, list->count ? list->count * 2 : 1, sizeof *list->nodes);
	list->nodes[list->count++] = (struct device_node){
		.name = duplicate_string(name),
		.mode = status->st_mode,
		.number = status->st_rdev,
		.owner = status->st_uid,
		.group = status->st_gid,
	};
	return 0;
}

static bool is_own(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(own_names); i++) {
		if (strcmp(name, own_names[i]) == 0)
			return true;
	}
	return false;
}

static int list_folder(struct device_list *list, int folder_fd, const char *prefix, int depth, struct error *err)
{
	cleanup_directory DIR *directory = fdopendir(folder_fd);
	if (!directory) {
		error_set_errno(err, errno, "read /dev/%s", prefix);
		close(folder_fd);
		return -1;
	}
	struct dirent *entry;
	while ((entry = readdir(directory))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    (depth == 0 && is_own(entry->d_name)))
			continue;
		struct stat status;
		if (fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			continue; /* unplugged meanwhile */
		cleanup_free char *name = format_string("%s%s", prefix, entry->d_name);
		bool folder = S_ISDIR(status.st_mode) && depth < FOLDER_DEPTH;
		if (!folder && !S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode))
			continue;
		if (list_add(list, name, &status, err) < 0)
			return -1;
		if (!folder)
			continue;
		int below = openat(dirfd(directory), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below < 0)
			continue;
		cleanup_free char *below_prefix = format_string("%s/", name);
		if (list_folder(list, below, below_prefix, depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

int device_list_read_host(struct device_list *ret_list, struct error *err)
{
	int folder = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return error_set_errno(err, errno, "open /dev");
	struct device_list list = {NULL, 0};
	if (list_folder(&list, folder, "", 0, err) < 0) {
		device_list_release(&list);
		return -1;
	}
	*ret_list = list;
	return 0;
}

static int make_listed(int dev_fd, const struct device_node *node, struct error *err)
{
	int made = S_ISDIR(node->mode) ? mkdirat(dev_fd, node->name, node->mode & 0777)
				       : mknodat(dev_fd, node->name, node->mode, node->number);
	if (made < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "make /dev/%s", node->name);
	if (fchownat(dev_fd, node->name, node->owner, node->group, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set_errno(err, errno, "set the owner of /dev/%s", node->name);
	return 0;
}

/* CVE-2025-31133: a mask is only as good as the /dev/null that it is made of. */
static int open_null(int dev_fd, struct error *err)
{
	cleanup_close int fd = openat(dev_fd, "null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0)
		return error_set_errno(err, errno, "open /dev/null");
	if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3))
		return error_set(err, ERROR_DENIED, "/dev/null in the container is not the null device");
	return steal_fd(&fd);
}

int devices_make(int dev_fd, const struct device_list *more, int *ret_null_fd, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(default_nodes); i++) {
		if (mknodat(dev_fd, default_nodes[i].name, S_IFCHR | 0666,
			    makedev(default_nodes[i].major, default_nodes[i].minor)) < 0)
			return error_set_errno(err, errno, "make /dev/%s", default_nodes[i].name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(default_links); i++) {
		if (symlinkat(default_links[i].target, dev_fd, default_links[i].name) < 0)
			return error_set_errno(err, errno, "make /dev/%s", default_links[i].name);
	}
	for (size_t i = 0; i < more->count; i++) {
		if (make_listed(dev_fd, &more->nodes[i], err) < 0)
			return -1;
	}
	int null_fd = open_null(dev_fd, err);
	if (null_fd < 0)
		return -1;
	*ret_null_fd = null_fd;
	return 0;
}

static int add_device(int root_fd, const struct spec_device *device, struct error *err)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(device->path, '/');
	size_t length = slash ? (size_t)(slash - device->path) : 0;
	if (!slash || !slash[1] || length >= sizeof folder)
		return error_set(err, ERROR_INVALID, "invalid path of a device in the container: %s", device->path);
	memcpy(folder, length ? device->path : "/", length ? length : 1);
	folder[length ? length : 1] = '\0';
	cleanup_close int folder_fd = make_folders_in_root(root_fd, folder, 0755);
	if (folder_fd < 0)
		return error_set_errno(err, errno, "make the folder of the device %s", device->path);
	bool made = mknodat(folder_fd, slash + 1, device->mode, device->number) == 0;
	if (!made && errno != EEXIST)
		return error_set_errno(err, errno, "make the device %s", device->path);
	struct stat status;
	if (fstatat(folder_fd, slash + 1, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set_errno(err, errno, "look at the device %s", device->path);
	if ((status.st_mode & S_IFMT) != (device->mode & S_IFMT) || status.st_rdev != device->number)
		return error_set(err, ERROR_CONFLICT, "make the device %s: something else is there", device->path);
	if (made && fchownat(folder_fd, slash + 1, device->owner, device->group, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set_errno(err, errno, "set the owner of the device %s", device->path);
	return 0;
}

int devices_add(int root_fd, const struct spec_device *devices, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (add_device(root_fd, &devices[i], err) < 0)
			return -1;
	return 0;
}
