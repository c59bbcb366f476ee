#include "engine/launch_resources.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"
#include "engine/namespace_options.h"
#include "engine/ulimit.h"
#include "runtime/device_filter.h"

#define CPU_PERIOD_US 100000
#define FOLDER_DEPTH  8

void launch_resources_release(struct launch_resources *resources)
{
	free(resources->limits);
	free(resources->block_limits);
	free(resources->devices);
	free(resources->rules);
	free(resources->sysctls);
	string_list_release(&resources->texts);
	*resources = (struct launch_resources){0};
}

/* A text that the spec points to: it stays where it is, whatever the list's array does. */
static const char *keep(struct launch_resources *resources, char *text)
{
	string_list_take(&resources->texts, text);
	return text;
}

int launch_limits_make(const struct container_config *config, struct runtime_spec *spec,
		       struct launch_resources *resources, struct error *err)
{
	spec->oom_score_adj = (int)config->oom_score_adj;
	resources->limits = allocate_array(config->ulimits.count + 1, sizeof *resources->limits);
	for (size_t i = 0; i < config->ulimits.count; i++)
		if (ulimit_parse(config->ulimits.items[i], &resources->limits[i], err) < 0)
			return -1;
	spec->limits = resources->limits;
	spec->limit_count = config->ulimits.count;
	return 0;
}

static int add_block_limits(const struct string_list *list, enum spec_block_limit_kind kind,
			    struct launch_resources *resources, size_t *count, struct error *err)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *text = list->items[i];
		const char *colon = strrchr(text, ':');
		cleanup_free char *path = format_string("%.*s", colon ? (int)(colon - text) : 0, text);
		struct stat status;
		if (stat(path, &status) < 0)
			return error_set_errno(err, errno, "stat %s", path);
		if (!S_ISBLK(status.st_mode))
			return error_set(err, ERROR_INVALID, "%s is no block device", path);
		resources->block_limits[(*count)++] = (struct spec_block_limit){.kind = kind,
										.major = major(status.st_rdev),
										.minor = minor(status.st_rdev),
										.value = strtoull(colon + 1, NULL, 10)};
	}
	return 0;
}

static int make_block_limits(const struct container_config *config, struct runtime_spec *spec,
			     struct launch_resources *resources, struct error *err)
{
	const struct string_list *const lists[SPEC_BLOCK_LIMIT_KINDS] = {
		[SPEC_BLOCK_WEIGHT] = &config->block_weights,
		[SPEC_BLOCK_READ_BYTES] = &config->block_read_bytes,
		[SPEC_BLOCK_WRITE_BYTES] = &config->block_write_bytes,
		[SPEC_BLOCK_READ_OPERATIONS] = &config->block_read_operations,
		[SPEC_BLOCK_WRITE_OPERATIONS] = &config->block_write_operations,
	};
	size_t total = 0, count = 0;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		total += lists[i]->count;
	resources->block_limits = allocate_array(total + 1, sizeof *resources->block_limits);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (add_block_limits(lists[i], (enum spec_block_limit_kind)i, resources, &count, err) < 0)
			return -1;
	spec->resources.block_limits = resources->block_limits;
	spec->resources.block_limit_count = count;
	return 0;
}

static int parse_rule_number(const char **at)
{
	if (**at == '*') {
		++*at;
		return -1;
	}
	char *end;
	long number = strtol(*at, &end, 10);
	*at = end;
	return (int)number;
}

/* The text has been checked when it was taken. */
static struct device_rule parse_rule(const char *text)
{
	struct device_rule rule = {.type = text[0]};
	const char *at = text + 2;
	rule.major = parse_rule_number(&at);
	at++;
	rule.minor = parse_rule_number(&at);
	rule.access = at + 1;
	return rule;
}

static int add_rule(struct launch_resources *resources, struct runtime_spec *spec, struct device_rule rule,
		    struct error *err)
{
	if (spec->device_rule_count == DEVICE_RULE_LIMIT)
		return error_set(err, ERROR_LIMIT, "more than %d devices and rules for them", DEVICE_RULE_LIMIT);
	resources->rules[spec->device_rule_count++] = rule;
	return 0;
}

static int add_device(struct launch_resources *resources, struct runtime_spec *spec, const struct stat *status,
		      const char *path, const char *access, struct error *err)
{
	if (add_rule(resources, spec,
		     (struct device_rule){.type = S_ISBLK(status->st_mode) ? 'b' : 'c',
					  .major = (int)major(status->st_rdev),
					  .minor = (int)minor(status->st_rdev),
					  .access = access},
		     err) < 0)
		return -1;
	resources->devices[spec->device_count++] = (struct spec_device){.path = keep(resources, duplicate_string(path)),
									.mode = status->st_mode & (S_IFMT | 0777),
									.number = status->st_rdev,
									.owner = status->st_uid,
									.group = status->st_gid};
	return 0;
}

static bool is_device(const struct stat *status)
{
	return S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode);
}

/* All devices of a folder of the host, as Docker has it: but for those that a container has of its own. */
static int add_folder(struct launch_resources *resources, struct runtime_spec *spec, int folder_fd, const char *path,
		      const char *access, int depth, struct error *err)
{
	static const char *const own[] = {"pts", "shm", "fd", "mqueue", "console", ".lxc", ".lxd-mounts", ".udev"};
	cleanup_directory DIR *directory = fdopendir(folder_fd);
	if (!directory) {
		error_set_errno(err, errno, "read the folder of devices for %s", path);
		close(folder_fd);
		return -1;
	}
	for (struct dirent *entry; (entry = readdir(directory));) {
		struct stat status;
		bool is_own = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
		for (size_t i = 0; i < ARRAY_SIZE(own); i++)
			is_own = is_own || strcmp(entry->d_name, own[i]) == 0;
		if (is_own || fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		cleanup_free char *below = format_string("%s/%s", path, entry->d_name);
		if (is_device(&status) && add_device(resources, spec, &status, below, access, err) < 0)
			return -1;
		if (!S_ISDIR(status.st_mode) || depth == FOLDER_DEPTH)
			continue;
		int fd = openat(dirfd(directory), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && add_folder(resources, spec, fd, below, access, depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

static int gather(struct launch_resources *resources, struct runtime_spec *spec, const char *text, struct error *err)
{
	cleanup_free char *copy = duplicate_string(text);
	char *rest = copy;
	const char *source = strsep(&rest, ":");
	const char *target = strsep(&rest, ":");
	const char *access = keep(resources, duplicate_string(rest ? rest : "rwm"));
	struct stat status;
	if (!target || stat(source, &status) < 0)
		return error_set_errno(err, errno,
				       "error gathering device information while adding custom device \"%s\"", source);
	if (is_device(&status))
		return add_device(resources, spec, &status, target, access, err);
	size_t before = spec->device_count;
	int folder = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0 && add_folder(resources, spec, folder, target, access, 0, err) < 0)
		return -1;
	if (spec->device_count == before)
		return error_set(err, ERROR_INVALID,
				 "error gathering device information while adding custom device \"%s\": not a device "
				 "node",
				 source);
	return 0;
}

static int make_devices(const struct container_config *config, struct runtime_spec *spec,
			struct launch_resources *resources, struct error *err)
{
	if (config->devices.count + config->device_rules.count == 0)
		return 0;
	resources->devices = allocate_array(DEVICE_RULE_LIMIT, sizeof *resources->devices);
	resources->rules = allocate_array(DEVICE_RULE_LIMIT, sizeof *resources->rules);
	for (size_t i = 0; i < config->devices.count; i++)
		if (gather(resources, spec, config->devices.items[i], err) < 0)
			return -1;
	for (size_t i = 0; i < config->device_rules.count; i++)
		if (add_rule(resources, spec, parse_rule(config->device_rules.items[i]), err) < 0)
			return -1;
	spec->devices = resources->devices;
	spec->device_rules = resources->rules;
	return 0;
}

/* Docker's, in a network of the container's own: who is not root there can serve port 80, and ping. */
static const struct {
	const char *name, *path, *value;
} default_sysctls[] = {
	{"net.ipv4.ip_unprivileged_port_start", "net/ipv4/ip_unprivileged_port_start", "0"},
	{"net.ipv4.ping_group_range", "net/ipv4/ping_group_range", "0 2147483647"},
};

static int make_sysctls(const struct container_config *config, struct runtime_spec *spec,
			struct launch_resources *resources, struct error *err)
{
	size_t defaults = config->network == CONTAINER_NETWORK_HOST ? 0 : ARRAY_SIZE(default_sysctls);
	resources->sysctls =
		allocate_array(config->sysctls.count + ARRAY_SIZE(default_sysctls), sizeof *resources->sysctls);
	for (size_t i = 0; i < defaults; i++)
		if (string_list_find_key(&config->sysctls, default_sysctls[i].name) < 0)
			resources->sysctls[spec->sysctl_count++] =
				(struct spec_sysctl){.path = default_sysctls[i].path,
						     .value = default_sysctls[i].value,
						     .is_optional = true};
	for (size_t i = 0; i < config->sysctls.count; i++) {
		const char *text = config->sysctls.items[i];
		cleanup_free char *name = format_string("%.*s", (int)strcspn(text, "="), text);
		char *path = sysctl_path(name);
		if (!path)
			return error_set(err, ERROR_CORRUPT, "sysctl '%s' is not allowed", text);
		resources->sysctls[spec->sysctl_count++] =
			(struct spec_sysctl){.path = keep(resources, path), .value = text + strlen(name) + 1};
	}
	spec->sysctls = resources->sysctls;
	return 0;
}

void launch_resources_numbers(const struct container_config *config, struct spec_resources *ret_resources)
{
	struct spec_resources *resources = ret_resources;
	*resources = config->resources;
	if (config->nano_cpus)
		resources->cpu_quota_us = config->nano_cpus / (NANOSECONDS_PER_SECOND / CPU_PERIOD_US);
	resources->cpuset_cpus = config->cpuset_cpus;
	resources->cpuset_mems = config->cpuset_mems;
}

int launch_resources_make(const struct container_config *config, struct runtime_spec *spec,
			  struct launch_resources *resources, struct error *err)
{
	launch_resources_numbers(config, &spec->resources);
	if (launch_limits_make(config, spec, resources, err) < 0 ||
	    make_block_limits(config, spec, resources, err) < 0 || make_devices(config, spec, resources, err) < 0)
		return -1;
	return make_sysctls(config, spec, resources, err);
}
