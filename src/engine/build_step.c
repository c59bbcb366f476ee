#include "engine/build_step.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "engine/resource_options.h"
#include "engine/start.h"
#include "engine/ulimit.h"
#include "runtime/cgroup_layout.h"

#define CGROUP_FILE "cgroup"

/* HOST:IP, HOST=IP, HOST=[IP6] */
static int parse_host(const char *text, char **ret_host, struct error *err)
{
	size_t length = strcspn(text, strchr(text, '=') ? "=" : ":");
	const char *address = text + length + (text[length] != '\0');
	size_t size = strlen(address);
	bool has_brackets = size > 2 && address[0] == '[' && address[size - 1] == ']';
	cleanup_free char *bare =
		has_brackets ? duplicate_bytes(address + 1, size - 2) : duplicate_bytes(address, size);
	unsigned char binary[16];
	bool is_address = inet_pton(AF_INET, bare, binary) == 1 || inet_pton(AF_INET6, bare, binary) == 1;
	if (!length || strpbrk(text, " \t\n") || (!is_address && strcmp(bare, HOST_GATEWAY) != 0))
		return error_set(err, ERROR_USAGE, "invalid host %s", text);
	*ret_host = format_string("%.*s:%s", (int)length, text, bare);
	return 0;
}

static int check_memory(const struct build_step_options *options, struct error *err)
{
	if (options->memory && options->memory < 6 * 1024 * 1024)
		return error_set(err, ERROR_INVALID, "Minimum memory limit allowed is 6MB");
	if (options->memory_swap > 0 && !options->memory)
		return error_set(err, ERROR_INVALID,
				 "You should always set the Memory limit when using Memoryswap limit, see usage");
	if (options->memory_swap > 0 && options->memory_swap < options->memory)
		return error_set(err, ERROR_INVALID,
				 "Minimum memoryswap limit should be larger than memory limit, see usage");
	return 0;
}

static int check_cpu(const struct build_step_options *options, struct error *err)
{
	if (options->cpu_shares < 0)
		return error_set(err, ERROR_INVALID, "invalid CPU shares (%lld): value must be a positive integer",
				 (long long)options->cpu_shares);
	if (options->cpu_period && (options->cpu_period < 1000 || options->cpu_period > 1000000))
		return error_set(err, ERROR_INVALID,
				 "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than "
				 "1s (i.e. 1000000)");
	if (options->cpu_quota > 0 && options->cpu_quota < 1000)
		return error_set(err, ERROR_INVALID, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	const char *const sets[] = {options->cpuset_cpus, options->cpuset_mems};
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		if (sets[i] && (!*sets[i] || sets[i][strspn(sets[i], "0123456789,-")]))
			return error_set(err, ERROR_INVALID, "Invalid value %s for cpuset %s", sets[i],
					 i ? "mems" : "cpus");
	return 0;
}

static int parse_network(const char *text, enum build_network *ret_network, struct error *err)
{
	static const char *const names[] = {"default", "none", "host", ""};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], text) == 0) {
			*ret_network = *text ? (enum build_network)i : BUILD_NETWORK_DEFAULT;
			return 0;
		}
	}
	return error_set(err, ERROR_INVALID, "network mode \"%s\" not supported: default, none and host are known",
			 text);
}

int build_step_check(struct build_step_options *options, const char *network, struct error *err)
{
	static const char *const entitlements[] = {"network.host", "security.insecure"};
	for (size_t i = 0; i < options->allow.count; i++)
		if (strcmp(options->allow.items[i], entitlements[0]) != 0 &&
		    strcmp(options->allow.items[i], entitlements[1]) != 0)
			return error_set(err, ERROR_USAGE, "unknown entitlement %s: %s and %s are known",
					 options->allow.items[i], entitlements[0], entitlements[1]);
	for (size_t i = 0; i < options->extra_hosts.count; i++) {
		char *host = NULL;
		if (parse_host(options->extra_hosts.items[i], &host, err) < 0)
			return -1;
		replace_string(&options->extra_hosts.items[i], host);
	}
	for (size_t i = 0; i < options->ulimits.count; i++) {
		struct spec_limit ignored;
		if (ulimit_parse(options->ulimits.items[i], &ignored, err) < 0)
			return error_wrap(err, "invalid argument \"%s\" for \"--ulimit\" flag",
					  options->ulimits.items[i]);
	}
	if (parse_network(network, &options->network, err) < 0 || check_memory(options, err) < 0 ||
	    check_cpu(options, err) < 0)
		return -1;
	return (options->cgroup_parent && cgroup_parent_check(options->cgroup_parent, err) < 0 ? -1 : 0);
}

void build_step_configure(const struct build_run *run, struct container_config *config)
{
	static const enum container_network networks[] = {
		[BUILD_NETWORK_DEFAULT] = CONTAINER_NETWORK_BRIDGE,
		[BUILD_NETWORK_NONE] = CONTAINER_NETWORK_NONE,
		[BUILD_NETWORK_HOST] = CONTAINER_NETWORK_HOST,
	};
	config->network = networks[run->network];
	if (config->network == CONTAINER_NETWORK_BRIDGE)
		container_config_add_attachment(config, DEFAULT_NETWORK);
	config->privileged = run->is_insecure;
}

void build_step_add_hosts(const struct build_run *run, const struct network_plan *network,
			  struct container_config *config)
{
	char gateway[INET_ADDRSTRLEN] = "127.0.0.1";
	if (network->count)
		inet_ntop(AF_INET, &network->links[0].record.gateway, gateway, sizeof gateway);
	for (size_t i = 0; i < run->options->extra_hosts.count; i++) {
		const char *item = run->options->extra_hosts.items[i];
		size_t length = strcspn(item, ":");
		bool is_gateway = strcmp(item + length + 1, HOST_GATEWAY) == 0;
		string_list_add_format(&config->extra_hosts, "%.*s:%s", (int)length, item,
				       is_gateway ? gateway : item + length + 1);
	}
}

int build_step_limit(const struct build_run *run, struct runtime_spec *spec, struct spec_limit **ret_limits,
		     struct error *err)
{
	const struct build_step_options *options = run->options;
	spec->resources = (struct spec_resources){
		.memory_bytes = options->memory,
		.memory_swap_bytes = options->memory_swap,
		.cpu_quota_us = options->cpu_quota,
		.cpu_period_us = options->cpu_period,
		.cpu_shares = options->cpu_shares,
		.cpuset_cpus = options->cpuset_cpus,
		.cpuset_mems = options->cpuset_mems,
	};
	spec->shm_bytes = options->shm_bytes;
	*ret_limits = allocate_array(options->ulimits.count + 1, sizeof **ret_limits);
	spec->limits = *ret_limits;
	for (; spec->limit_count < options->ulimits.count; spec->limit_count++)
		if (ulimit_parse(options->ulimits.items[spec->limit_count], &(*ret_limits)[spec->limit_count], err) < 0)
			return -1;
	return 0;
}

int build_step_cgroup(const struct build_run *run, const char *name, int folder_fd, char **ret_path, struct error *err)
{
	const char *parent = run->options->cgroup_parent;
	if (!parent) {
		*ret_path = container_cgroup_path(name);
		return 0;
	}
	cleanup_free char *path = format_string("%s%s/%s", parent[0] == '/' ? "" : "/", parent, name);
	cleanup_close int fd = openat(folder_fd, CGROUP_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(err, errno, "note the control group of a step");
	if (write_full(fd, path, strlen(path), err) < 0)
		return -1;
	*ret_path = steal_pointer(&path);
	return 0;
}

char *build_step_find_cgroup(int run_root_fd, const char *name)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(CGROUP_PATH_LIMIT);
	cleanup_free char *file = format_string("%s/" CGROUP_FILE, name);
	if (read_file_at(run_root_fd, file, CGROUP_PATH_LIMIT, &text, NULL) < 0 || !text.size)
		return container_cgroup_path(name);
	return buffer_steal(&text);
}
