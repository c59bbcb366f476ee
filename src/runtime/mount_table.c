#include "runtime/mount_table.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "runtime/mount_api.h"

#define SHM_BYTES	(64 * 1024 * 1024)
#define QUIET		(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
#define READ_ONLY_QUIET (QUIET | MOUNT_ATTR_RDONLY)

struct table_mount {
	const char *target; /* below the root */
	const char *file_system;
	uint64_t attributes;
	struct mount_option options[5];
	long magic;    /* statfs f_type that the result must have: what masks.c trusts; 0: any */
	bool optional; /* a kernel may be built without it */
};

static const struct table_mount default_mounts[] = {
	{"proc", "proc", QUIET, .magic = PROC_SUPER_MAGIC},
	{"dev", "tmpfs", MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME, {{"mode", "755"}, {"size", "65536k"}}},
	{"dev/pts",
	 "devpts",
	 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
	 {{"newinstance", NULL}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}},
	 .magic = DEVPTS_SUPER_MAGIC},
	{"dev/shm", "tmpfs", QUIET, {{"mode", "1777"}, {"size", ""}}},
	{"dev/mqueue", "mqueue", QUIET, .optional = true},
	{"sys", "sysfs", READ_ONLY_QUIET, .magic = SYSFS_MAGIC},
};

static int check_magic(int fd, const struct table_mount *entry, struct error *err)
{
	struct statfs status;
	if (entry->magic == 0)
		return 0;
	if (fstatfs(fd, &status) < 0)
		return error_set_errno(err, errno, "look at /%s", entry->target);
	if ((long)status.f_type != entry->magic)
		return error_set(err, ERROR_DENIED, "/%s is not a %s file system after mounting one", entry->target,
				 entry->file_system);
	return 0;
}

static int apply_entry(int root_fd, const struct table_mount *entry, bool privileged, const char *shm_size,
		       struct error *err)
{
	struct mount_option options[ARRAY_SIZE(entry->options)];
	memcpy(options, entry->options, sizeof options);
	for (size_t i = 0; options[i].key; i++) {
		if (options[i].value && options[i].value[0] == '\0')
			options[i].value = shm_size;
	}
	uint64_t attributes = entry->attributes & ~(privileged ? (uint64_t)MOUNT_ATTR_RDONLY : 0);
	cleanup_close int mounted = mount_new(entry->file_system, options, attributes, err);
	if (mounted < 0 && entry->optional && (err->system_errno == ENODEV || err->system_errno == EPERM)) {
		error_clear(err);
		return 0;
	}
	if (mounted < 0)
		return -1;
	cleanup_close int target = mount_target_folder(root_fd, entry->target, err);
	if (target < 0 || mount_attach(mounted, target, entry->target, err) < 0)
		return -1;
	return check_magic(mounted, entry, err);
}

int mount_table_apply(int root_fd, const struct runtime_spec *spec, int shm_mount, struct error *err)
{
	char shm_size[24];
	snprintf(shm_size, sizeof shm_size, "%" PRId64, spec->shm_bytes > 0 ? spec->shm_bytes : (int64_t)SHM_BYTES);
	for (size_t i = 0; i < ARRAY_SIZE(default_mounts); i++) {
		bool is_shm = strcmp(default_mounts[i].target, "dev/shm") == 0;
		if (is_shm && (spec->has_no_shm || shm_mount >= 0))
			continue;
		if (apply_entry(root_fd, &default_mounts[i], spec->privileged, shm_size, err) < 0)
			return -1;
	}
	if (shm_mount < 0)
		return 0;
	cleanup_close int target = mount_target_folder(root_fd, "dev/shm", err);
	return target < 0 ? -1 : mount_attach(shm_mount, target, "/dev/shm", err);
}

/* The folder has the controllers' names, "cpu,cpuacct", and each of several has a link to it, as hosts have it. */
static int mount_hierarchy(int folder_fd, const struct cgroup_hierarchy *hierarchy, uint64_t attributes,
			   struct error *err)
{
	struct mount_option options[CGROUP_CONTROLLER_COUNT + 1] = {{NULL, NULL}};
	char folder[64] = "";
	size_t count = 0, used = 0;
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
		if (!(hierarchy->controllers & 1U << i))
			continue;
		options[count].key = cgroup_controller_names[i];
		used += (size_t)snprintf(folder + used, sizeof folder - used, "%s%s", count ? "," : "",
					 cgroup_controller_names[i]);
		count++;
	}
	if (count == 0)
		return 0;
	cleanup_close int mounted = mount_new("cgroup", options, attributes, err);
	if (mounted < 0)
		return -1;
	if (mkdirat(folder_fd, folder, 0755) < 0)
		return error_set_errno(err, errno, "make /sys/fs/cgroup/%s", folder);
	for (size_t i = 0; count > 1 && i < count; i++) {
		if (symlinkat(folder, folder_fd, options[i].key) < 0)
			return error_set_errno(err, errno, "make /sys/fs/cgroup/%s", options[i].key);
	}
	cleanup_close int target = openat(folder_fd, folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return error_set_errno(err, errno, "open /sys/fs/cgroup/%s", folder);
	return mount_attach(mounted, target, folder, err);
}

int mount_table_apply_cgroups(int root_fd, const struct runtime_spec *spec, const struct cgroup_layout *layout,
			      struct error *err)
{
	uint64_t attributes = spec->privileged ? QUIET : READ_ONLY_QUIET;
	if (layout->version == CGROUP_NONE)
		return 0;
	/* On a kernel without the folder in its sysfs there is nowhere to mount; such a kernel has no cgroups either.
	 */
	cleanup_close int target = mount_target_folder(root_fd, "sys/fs/cgroup", err);
	if (target < 0)
		return -1;
	if (layout->version == CGROUP_V2) {
		cleanup_close int mounted = mount_new("cgroup2", NULL, attributes, err);
		return mounted < 0 ? -1 : mount_attach(mounted, target, "/sys/fs/cgroup", err);
	}
	static const struct mount_option options[] = {{"mode", "755"}, {"size", "64k"}, {NULL, NULL}};
	cleanup_close int folder = mount_new("tmpfs", options, QUIET, err);
	if (folder < 0 || mount_attach(folder, target, "/sys/fs/cgroup", err) < 0)
		return -1;
	for (size_t i = 0; i < layout->hierarchy_count; i++) {
		if (cgroup_is_optional(&layout->hierarchies[i]))
			continue;
		if (mount_hierarchy(folder, &layout->hierarchies[i], attributes, err) < 0)
			return error_wrap(err, "mount /sys/fs/cgroup");
	}
	return spec->privileged ? 0 : mount_set(folder, attributes, 0, false, err);
}
