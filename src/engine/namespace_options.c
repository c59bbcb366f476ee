#include "engine/namespace_options.h"

#include <string.h>

#define CONTAINER_PREFIX "container:"

const char *namespace_mode_container(const char *mode)
{
	return mode && strncmp(mode, CONTAINER_PREFIX, strlen(CONTAINER_PREFIX)) == 0 ? mode + strlen(CONTAINER_PREFIX)
										      : NULL;
}

static bool names_container(const char *mode)
{
	const char *name = namespace_mode_container(mode);
	return name && *name;
}

/* "" takes back what was said before. */
static void set_mode(char **mode, const char *text)
{
	replace_string(mode, *text ? duplicate_string(text) : NULL);
}

int container_config_set_pid_mode(struct container_config *config, const char *text, struct error *err)
{
	if (*text && strcmp(text, "host") != 0 && !names_container(text))
		return error_set(err, ERROR_INVALID, "--pid: invalid PID mode");
	set_mode(&config->pid_mode, text);
	return 0;
}

int container_config_set_ipc_mode(struct container_config *config, const char *text, struct error *err)
{
	static const char *const known[] = {"", "none", "private", "shareable", "host"};
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(text, known[i]) == 0) {
			set_mode(&config->ipc_mode, text);
			return 0;
		}
	}
	if (!names_container(text))
		return error_set(err, ERROR_INVALID, "invalid IPC mode: %s", text);
	set_mode(&config->ipc_mode, text);
	return 0;
}

int container_config_set_uts_mode(struct container_config *config, const char *text, struct error *err)
{
	if (*text && strcmp(text, "host") != 0)
		return error_set(err, ERROR_INVALID, "--uts: invalid UTS mode");
	set_mode(&config->uts_mode, text);
	return 0;
}

int container_config_set_cgroup_mode(struct container_config *config, const char *text, struct error *err)
{
	if (*text && strcmp(text, "host") != 0 && strcmp(text, "private") != 0)
		return error_set(err, ERROR_INVALID, "--cgroupns: invalid CGROUP mode");
	set_mode(&config->cgroup_mode, text);
	return 0;
}

int container_config_set_userns_mode(struct container_config *config, const char *text, struct error *err)
{
	/* Ids are not mapped, so "host" is what there is. */
	if (*text && strcmp(text, "host") != 0)
		return error_set(err, ERROR_INVALID, "--userns: invalid USER mode");
	set_mode(&config->userns_mode, text);
	return 0;
}

char *sysctl_path(const char *name)
{
	cleanup_free char *path = duplicate_string(name);
	for (char *at = path; *at; at++)
		*at = *at == '.' ? '/' : *at == '/' ? '.' : *at;
	for (const char *part = path;; part++) {
		size_t length = strcspn(part, "/");
		if (length == 0 || (length <= 2 && strspn(part, ".") >= length))
			return NULL;
		part += length;
		if (!*part)
			return steal_pointer(&path);
	}
}

static bool is_of_ipc(const char *name)
{
	static const char *const names[] = {"kernel.msgmax", "kernel.msgmnb",	      "kernel.msgmni",
					    "kernel.sem",    "kernel.shmall",	      "kernel.shmmax",
					    "kernel.shmmni", "kernel.shm_rmid_forced"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return strncmp(name, "fs.mqueue.", 10) == 0;
}

int container_config_add_sysctl(struct container_config *config, const char *text, struct error *err)
{
	cleanup_free char *name = format_string("%.*s", (int)strcspn(text, "="), text);
	cleanup_free char *path = sysctl_path(name);
	const char *value = text + strlen(name);
	if (!*value || !path || (!is_of_ipc(name) && strncmp(name, "net.", 4) != 0))
		return error_set(err, ERROR_USAGE, "sysctl '%s' is not allowed", text);
	string_list_set_key(&config->sysctls, name, value + 1);
	return 0;
}

int container_config_add_annotation(struct container_config *config, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	if (!*text || equals == text)
		return error_set(err, ERROR_INVALID, "invalid annotation: \"%s\"", text);
	cleanup_free char *key = format_string("%.*s", (int)strcspn(text, "="), text);
	string_list_set_key(&config->annotations, key, equals ? equals + 1 : "");
	return 0;
}

int container_config_check_namespaces(const struct container_config *config, struct error *err)
{
	bool is_host_ipc = config->ipc_mode && strcmp(config->ipc_mode, "host") == 0;
	if (config->uts_mode && config->hostname)
		return error_set(err, ERROR_INVALID, "conflicting options: hostname and the UTS mode");
	if (config->uts_mode && config->domainname)
		return error_set(err, ERROR_INVALID, "conflicting options: domainname and the UTS mode");
	if (config->shm_bytes < 0)
		return error_set(err, ERROR_INVALID, "SHM size can not be less than 0");
	for (size_t i = 0; i < config->sysctls.count; i++) {
		cleanup_free char *name =
			format_string("%.*s", (int)strcspn(config->sysctls.items[i], "="), config->sysctls.items[i]);
		if (strncmp(name, "net.", 4) == 0 && config->network == CONTAINER_NETWORK_HOST)
			return error_set(err, ERROR_INVALID, "sysctl \"%s\" not allowed in host network namespace",
					 name);
		if (is_of_ipc(name) && is_host_ipc)
			return error_set(err, ERROR_INVALID, "sysctl \"%s\" is not allowed in the hosts ipc namespace",
					 name);
	}
	return 0;
}
