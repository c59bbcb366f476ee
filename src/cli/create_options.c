#include "cli/create_options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/fd.h"
#include "base/prefix.h"
#include "engine/namespace_options.h"
#include "engine/resource_options.h"

#define LABEL_FILE_LIMIT ((size_t)1024 * 1024)

void create_arguments_init(struct create_arguments *arguments)
{
	*arguments = (struct create_arguments){.pull = "missing", .stop_timeout = -1, .memory_swappiness = -1};
}

void create_arguments_release(struct create_arguments *arguments)
{
	struct string_list *lists[] = {&arguments->environment,
				       &arguments->environment_files,
				       &arguments->volumes,
				       &arguments->mounts,
				       &arguments->tmpfs,
				       &arguments->ports,
				       &arguments->labels,
				       &arguments->groups,
				       &arguments->capabilities_add,
				       &arguments->capabilities_drop,
				       &arguments->security,
				       &arguments->log_options,
				       &arguments->extra_hosts,
				       &arguments->dns,
				       &arguments->dns_search,
				       &arguments->dns_options,
				       &arguments->exposed,
				       &arguments->networks,
				       &arguments->aliases,
				       &arguments->links,
				       &arguments->annotations,
				       &arguments->attach,
				       &arguments->block_weights,
				       &arguments->block_read_bytes,
				       &arguments->block_write_bytes,
				       &arguments->block_read_operations,
				       &arguments->block_write_operations,
				       &arguments->devices,
				       &arguments->device_rules,
				       &arguments->label_files,
				       &arguments->storage,
				       &arguments->sysctls,
				       &arguments->ulimits,
				       &arguments->volumes_from};
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		string_list_release(lists[i]);
}

/* The table in the order of names, in three parts. */
static size_t options_to_f(struct create_arguments *a, struct option *table)
{
	const struct option options[] = {
		OPTION_LIST(0, "add-host", &a->extra_hosts, "list", "Add a custom host-to-IP mapping (host:ip)"),
		OPTION_LIST(0, "annotation", &a->annotations, "map", "Add an annotation to the container"),
		OPTION_LIST('a', "attach", &a->attach, "list", "Attach to STDIN, STDOUT or STDERR"),
		OPTION_INTEGER(0, "blkio-weight", &a->block_weight, "uint16",
			       "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)"),
		OPTION_LIST(0, "blkio-weight-device", &a->block_weights, "list",
			    "Block IO weight (relative device weight)"),
		OPTION_LIST(0, "cap-add", &a->capabilities_add, "list", "Add Linux capabilities"),
		OPTION_LIST(0, "cap-drop", &a->capabilities_drop, "list", "Drop Linux capabilities"),
		OPTION_STRING(0, "cgroup-parent", &a->cgroup_parent, "string",
			      "Optional parent cgroup for the container"),
		OPTION_STRING(0, "cgroupns", &a->cgroup_mode, "string", "Cgroup namespace to use (host|private)"),
		OPTION_STRING(0, "cidfile", &a->container_id_file, "string", "Write the container ID to the file"),
		OPTION_INTEGER(0, "cpu-period", &a->cpu_period, "int",
			       "Limit CPU CFS (Completely Fair Scheduler) period"),
		OPTION_INTEGER(0, "cpu-quota", &a->cpu_quota, "int", "Limit CPU CFS (Completely Fair Scheduler) quota"),
		OPTION_INTEGER(0, "cpu-rt-period", &a->cpu_rt_period, "int",
			       "Limit CPU real-time period in microseconds"),
		OPTION_INTEGER(0, "cpu-rt-runtime", &a->cpu_rt_runtime, "int",
			       "Limit CPU real-time runtime in microseconds"),
		OPTION_INTEGER('c', "cpu-shares", &a->cpu_shares, "int", "CPU shares (relative weight)"),
		OPTION_STRING(0, "cpus", &a->cpus, "decimal", "Number of CPUs"),
		OPTION_STRING(0, "cpuset-cpus", &a->cpuset_cpus, "string",
			      "CPUs in which to allow execution (0-3, 0,1)"),
		OPTION_STRING(0, "cpuset-mems", &a->cpuset_mems, "string",
			      "MEMs in which to allow execution (0-3, 0,1)"),
		OPTION_LIST(0, "device", &a->devices, "list", "Add a host device to the container"),
		OPTION_LIST(0, "device-cgroup-rule", &a->device_rules, "list",
			    "Add a rule to the cgroup allowed devices list"),
		OPTION_LIST(0, "device-read-bps", &a->block_read_bytes, "list",
			    "Limit read rate (bytes per second) from a device"),
		OPTION_LIST(0, "device-read-iops", &a->block_read_operations, "list",
			    "Limit read rate (IO per second) from a device"),
		OPTION_LIST(0, "device-write-bps", &a->block_write_bytes, "list",
			    "Limit write rate (bytes per second) to a device"),
		OPTION_LIST(0, "device-write-iops", &a->block_write_operations, "list",
			    "Limit write rate (IO per second) to a device"),
		OPTION_LIST(0, "dns", &a->dns, "list", "Set custom DNS servers"),
		OPTION_LIST(0, "dns-opt", &a->dns_options, "list", "Set DNS options"),
		OPTION_LIST(0, "dns-option", &a->dns_options, "list", "Set DNS options"),
		OPTION_LIST(0, "dns-search", &a->dns_search, "list", "Set custom DNS search domains"),
		OPTION_STRING(0, "domainname", &a->domainname, "string", "Container NIS domain name"),
		OPTION_STRING(0, "entrypoint", &a->entrypoint, "string",
			      "Overwrite the default ENTRYPOINT of the image"),
		OPTION_LIST('e', "env", &a->environment, "list", "Set environment variables"),
		OPTION_LIST(0, "env-file", &a->environment_files, "list", "Read in a file of environment variables"),
		OPTION_LIST(0, "expose", &a->exposed, "list", "Expose a port or a range of ports"),
	};
	memcpy(table, options, sizeof options);
	return ARRAY_SIZE(options);
}

/* --gpus to --mount */
static size_t options_to_m(struct create_arguments *a, struct option *table)
{
	const struct option options[] = {
		OPTION_STRING(0, "gpus", &a->gpus, "gpu-request",
			      "Not supported: a device of a driver's own is given with --device"),
		OPTION_LIST(0, "group-add", &a->groups, "list", "Add additional groups to join"),
		OPTION_STRING(0, "health-cmd", &a->health.command, "string", "Command to run to check health"),
		OPTION_STRING(0, "health-interval", &a->health.interval, "duration",
			      "Time between running the check (ms|s|m|h) (default 0s)"),
		OPTION_INTEGER(0, "health-retries", &a->health.retries, "int",
			       "Consecutive failures needed to report unhealthy"),
		OPTION_STRING(0, "health-start-interval", &a->health.start_interval, "duration",
			      "Time between running the check during the start period (ms|s|m|h) (default 0s)"),
		OPTION_STRING(0, "health-start-period", &a->health.start_period, "duration",
			      "Start period for the container to initialize before starting health-retries countdown "
			      "(ms|s|m|h) (default 0s)"),
		OPTION_STRING(0, "health-timeout", &a->health.timeout, "duration",
			      "Maximum time to allow one check to run (ms|s|m|h) (default 0s)"),
		OPTION_STRING('h', "hostname", &a->hostname, "string", "Container host name"),
		OPTION_FLAG(0, "init", &a->use_init, "Run an init inside the container that reaps processes"),
		OPTION_FLAG('i', "interactive", &a->interactive, "Keep STDIN open even if not attached"),
		OPTION_STRING(0, "ip", &a->ip, "string", "IPv4 address (e.g., 172.30.100.104)"),
		OPTION_STRING(0, "ip6", &a->ip6, "string", "IPv6 address (e.g., 2001:db8::33)"),
		OPTION_STRING(0, "ipc", &a->ipc_mode, "string",
			      "IPC mode to use (none|private|shareable|host|container:ID)"),
		OPTION_STRING(0, "isolation", &a->isolation, "string", "Container isolation technology: default"),
		OPTION_BYTES(0, "kernel-memory", &a->kernel_memory,
			     "Has no effect, with a warning: Linux has no such limit any more"),
		OPTION_LIST('l', "label", &a->labels, "list", "Set meta data on a container"),
		OPTION_LIST(0, "label-file", &a->label_files, "list", "Read in a line delimited file of labels"),
		OPTION_LIST(0, "link", &a->links, "list", "Add link to another container"),
		OPTION_STRING(0, "log-driver", &a->log_driver, "string",
			      "Logging driver for the container: json-file, local, journald, none"),
		OPTION_LIST(0, "log-opt", &a->log_options, "list", "Log driver options"),
		OPTION_STRING(0, "mac-address", &a->mac_address, "string",
			      "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
		OPTION_BYTES('m', "memory", &a->memory, "Memory limit"),
		OPTION_BYTES(0, "memory-reservation", &a->memory_reservation, "Memory soft limit"),
		OPTION_SWAP(0, "memory-swap", &a->memory_swap,
			    "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
		OPTION_INTEGER(0, "memory-swappiness", &a->memory_swappiness, "int",
			       "Tune container memory swappiness (0 to 100) (default -1)"),
		OPTION_LIST(0, "mount", &a->mounts, "mount", "Attach a filesystem mount to the container"),
	};
	memcpy(table, options, sizeof options);
	return ARRAY_SIZE(options);
}

/* --name to --workdir */
static size_t options_to_z(struct create_arguments *a, struct option *table)
{
	const struct option options[] = {
		OPTION_STRING(0, "name", &a->name, "string", "Assign a name to the container"),
		OPTION_LIST(0, "network", &a->networks, "network",
			    "Connect a container to a network: its name, host, none, container:NAME, or "
			    "name=NAME,alias=…,ip=…,ip6=…,mac-address=…"),
		OPTION_LIST(0, "net", &a->networks, "network", "The same as --network"),
		OPTION_LIST(0, "network-alias", &a->aliases, "list", "Add network-scoped alias for the container"),
		OPTION_LIST(0, "net-alias", &a->aliases, "list", "The same as --network-alias"),
		OPTION_FLAG(0, "no-healthcheck", &a->health.none, "Disable any container-specified HEALTHCHECK"),
		OPTION_FLAG(0, "oom-kill-disable", &a->oom_kill_disable, "Disable OOM Killer"),
		OPTION_INTEGER(0, "oom-score-adj", &a->oom_score_adj, "int",
			       "Tune host's OOM preferences (-1000 to 1000)"),
		OPTION_STRING(0, "pid", &a->pid_mode, "string", "PID namespace to use (host|container:ID)"),
		OPTION_INTEGER(0, "pids-limit", &a->pids_limit, "int", "Tune container pids limit"),
		OPTION_STRING(0, "platform", &a->platform, "string", "Set platform, such as linux/amd64"),
		OPTION_FLAG(0, "privileged", &a->privileged, "Give extended privileges to this container"),
		OPTION_LIST('p', "publish", &a->ports, "list", "Publish a container's port(s) to the host"),
		OPTION_FLAG('P', "publish-all", &a->publish_all, "Publish all exposed ports to random ports"),
		OPTION_STRING(0, "pull", &a->pull, "string",
			      "Pull image before running: always, missing, newer, never"),
		OPTION_FLAG('q', "quiet", &a->quiet, "Suppress the pull output"),
		OPTION_FLAG(0, "read-only", &a->read_only, "Mount the container's root filesystem as read only"),
		OPTION_STRING(0, "restart", &a->restart, "string",
			      "Restart policy to apply when a container exits (default \"no\")"),
		OPTION_FLAG(0, "rm", &a->remove, "Automatically remove the container when it exits"),
		OPTION_STRING(0, "runtime", &a->runtime, "string", "Runtime to use for this container: coracle"),
		OPTION_LIST(0, "security-opt", &a->security, "list", "Security Options"),
		OPTION_BYTES(0, "shm-size", &a->shm_bytes, "Size of /dev/shm"),
		OPTION_STRING(0, "stop-signal", &a->stop_signal, "string", "Signal to stop the container"),
		OPTION_INTEGER(0, "stop-timeout", &a->stop_timeout, "int", "Timeout (in seconds) to stop a container"),
		OPTION_LIST(0, "storage-opt", &a->storage, "list",
			    "Not supported: a container's own layer has no size limit"),
		OPTION_LIST(0, "sysctl", &a->sysctls, "map", "Sysctl options"),
		OPTION_LIST(0, "tmpfs", &a->tmpfs, "list", "Mount a tmpfs directory"),
		OPTION_FLAG('t', "tty", &a->terminal, "Allocate a pseudo-TTY"),
		OPTION_LIST(0, "ulimit", &a->ulimits, "ulimit", "Ulimit options"),
		OPTION_FLAG(0, "use-api-socket", &a->use_api_socket,
			    "Not supported: there is no daemon, and so no API socket"),
		OPTION_STRING('u', "user", &a->user, "string", "Username or UID (format: <name|uid>[:<group|gid>])"),
		OPTION_STRING(0, "userns", &a->userns_mode, "string", "User namespace to use: host"),
		OPTION_STRING(0, "uts", &a->uts_mode, "string", "UTS namespace to use: host"),
		OPTION_LIST('v', "volume", &a->volumes, "list", "Bind mount a volume"),
		OPTION_STRING(0, "volume-driver", &a->volume_driver, "string",
			      "Optional volume driver for the container: local"),
		OPTION_LIST(0, "volumes-from", &a->volumes_from, "list",
			    "Mount volumes from the specified container(s)"),
		OPTION_STRING('w', "workdir", &a->working_directory, "string",
			      "Working directory inside the container"),
	};
	memcpy(table, options, sizeof options);
	return ARRAY_SIZE(options);
}

void create_options_table(struct create_arguments *arguments, struct option *table, size_t used)
{
	table += used;
	table += options_to_f(arguments, table);
	table += options_to_m(arguments, table);
	table += options_to_z(arguments, table);
	*table = (struct option)OPTION_END;
}

typedef int add_function(struct container_config *config, const char *text, struct error *err);

static int add_each(const struct string_list *list, struct container_config *config, add_function *add,
		    const char *flag, struct error *err)
{
	for (size_t i = 0; i < list->count; i++) {
		if (add(config, list->items[i], err) == 0)
			continue;
		return flag ? error_wrap(err, "invalid argument \"%s\" for \"%s\" flag", list->items[i], flag) : -1;
	}
	return 0;
}

static char *text_or_null(const char *text)
{
	return text && *text ? duplicate_string(text) : NULL;
}

static int add_exposed(struct container_config *config, const char *text, struct error *err)
{
	struct container_config scratch;
	container_config_init(&scratch);
	/* The grammar of a published port without the host's side. */
	int result = strchr(text, ':') ? error_set(err, ERROR_INVALID, "invalid port format for --expose: %s", text)
				       : container_config_add_port(&scratch, text, err);
	for (size_t i = 0; result == 0 && i < scratch.exposed_ports.count; i++)
		image_config_add_sorted(&config->exposed_ports, scratch.exposed_ports.items[i]);
	container_config_release(&scratch);
	return result;
}

static int add_dns(struct container_config *config, const char *text, struct error *err)
{
	struct prefix ignored;
	if (!prefix_parse_address(text, &ignored))
		return error_set(err, ERROR_USAGE,
				 "invalid argument \"%s\" for \"--dns\" flag: %s is not an ip address", text, text);
	string_list_add(&config->dns, text);
	return 0;
}

/* Words of resolv.conf: none may begin a line of its own. */
static int check_words(const struct string_list *words, const char *option, struct error *err)
{
	for (size_t i = 0; i < words->count; i++)
		if (!*words->items[i] || strpbrk(words->items[i], " \t\r\n"))
			return error_set(err, ERROR_USAGE, "invalid argument \"%s\" for \"--%s\" flag: not a word",
					 words->items[i], option);
	return 0;
}

static int add_label(struct container_config *config, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	if (!*text || equals == text)
		return error_set(err, ERROR_INVALID, "invalid label format: \"%s\"", text);
	cleanup_free char *key = format_string("%.*s", (int)strcspn(text, "="), text);
	string_list_set_key(&config->labels, key, equals ? equals + 1 : "");
	return 0;
}

/* A label a line, comments behind "#" at its beginning. */
static int add_label_file(struct container_config *config, const char *path, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	if (read_file_at(AT_FDCWD, path, LABEL_FILE_LIMIT, &text, err) < 0)
		return -1;
	char *rest = text.bytes;
	for (char *line; rest && (line = strsep(&rest, "\n"));) {
		line += strspn(line, " \t");
		line[strcspn(line, "\r")] = '\0';
		if (!*line || *line == '#')
			continue;
		if (add_label(config, line, err) < 0)
			return error_wrap(err, "%s", path);
	}
	return 0;
}

static int apply_resources(const struct create_arguments *arguments, struct container_config *config, struct error *err)
{
	struct spec_resources *resources = &config->resources;
	resources->memory_bytes = arguments->memory;
	resources->memory_swap_bytes = arguments->memory_swap;
	resources->memory_reservation_bytes = arguments->memory_reservation;
	resources->sets_swappiness = arguments->memory_swappiness != -1;
	resources->memory_swappiness = arguments->memory_swappiness;
	resources->oom_kill_disable = arguments->oom_kill_disable;
	resources->pids_limit = arguments->pids_limit > 0 ? arguments->pids_limit : 0;
	resources->cpu_shares = arguments->cpu_shares;
	resources->cpu_period_us = arguments->cpu_period;
	resources->cpu_quota_us = arguments->cpu_quota;
	resources->cpu_rt_period_us = arguments->cpu_rt_period;
	resources->cpu_rt_runtime_us = arguments->cpu_rt_runtime;
	resources->block_weight = arguments->block_weight;
	config->oom_score_adj = arguments->oom_score_adj;
	config->shm_bytes = arguments->shm_bytes;
	config->cpuset_cpus = text_or_null(arguments->cpuset_cpus);
	config->cpuset_mems = text_or_null(arguments->cpuset_mems);
	config->cgroup_parent = text_or_null(arguments->cgroup_parent);
	if (arguments->cpus && cpus_parse(arguments->cpus, &config->nano_cpus, err) < 0)
		return error_wrap(err, "invalid argument \"%s\" for \"--cpus\" flag", arguments->cpus);
	return container_config_check_resources(config, err);
}

/* What this engine has one of, or none. */
static int check_one_way(const struct create_arguments *arguments, struct error *err)
{
	if (arguments->gpus)
		return error_set(
			err, ERROR_UNSUPPORTED,
			"could not select device driver \"\" with capabilities: [[gpu]]; give the devices of the "
			"driver with --device");
	if (arguments->use_api_socket)
		return error_set(err, ERROR_UNSUPPORTED,
				 "--use-api-socket: there is no daemon, and so no API socket to give");
	if (arguments->storage.count)
		return error_set(
			err, ERROR_UNSUPPORTED,
			"--storage-opt is not supported: a container's own layer is a folder of the host's file "
			"system, which keeps no quota for it");
	if (arguments->isolation && *arguments->isolation && strcmp(arguments->isolation, "default") != 0)
		return error_set(err, ERROR_INVALID, "invalid isolation: \"%s\": linux only supports 'default'",
				 arguments->isolation);
	if (arguments->runtime && *arguments->runtime && strcmp(arguments->runtime, "coracle") != 0)
		return error_set(err, ERROR_INVALID, "unknown or invalid runtime name: %s", arguments->runtime);
	if (arguments->volume_driver && *arguments->volume_driver && strcmp(arguments->volume_driver, "local") != 0)
		return error_set(err, ERROR_NOT_FOUND, "error looking up volume plugin %s: plugin \"%s\" not found",
				 arguments->volume_driver, arguments->volume_driver);
	return 0;
}

static int apply_modes(const struct create_arguments *arguments, struct container_config *config, struct error *err)
{
	const struct {
		const char *text;
		add_function *set;
	} modes[] = {
		{arguments->log_driver, container_config_set_log_driver},
		{arguments->restart, container_config_set_restart},
		{arguments->pid_mode, container_config_set_pid_mode},
		{arguments->ipc_mode, container_config_set_ipc_mode},
		{arguments->uts_mode, container_config_set_uts_mode},
		{arguments->cgroup_mode, container_config_set_cgroup_mode},
		{arguments->userns_mode, container_config_set_userns_mode},
	};
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (modes[i].text && modes[i].set(config, modes[i].text, err) < 0)
			return -1;
	return 0;
}

static int apply_lists(const struct create_arguments *arguments, struct container_config *config, struct error *err)
{
	const struct {
		const struct string_list *list;
		add_function *add;
		const char *flag; /* named in front of an error, where Docker's own parser of flags does so */
	} steps[] = {
		/* Files first: -e wins over --env-file. */
		{&arguments->environment_files, container_config_add_environment_file},
		{&arguments->environment, container_config_add_environment},
		{&arguments->volumes, container_config_add_volume},
		{&arguments->mounts, container_config_add_mount},
		{&arguments->tmpfs, container_config_add_tmpfs},
		{&arguments->ports, container_config_add_port},
		{&arguments->exposed, add_exposed},
		{&arguments->networks, container_config_add_network},
		{&arguments->extra_hosts, container_config_add_extra_host},
		{&arguments->links, container_config_add_link},
		{&arguments->dns, add_dns},
		{&arguments->label_files, add_label_file},
		{&arguments->labels, add_label},
		{&arguments->security, container_config_add_security},
		{&arguments->annotations, container_config_add_annotation},
		{&arguments->ulimits, container_config_add_ulimit, "--ulimit"},
		{&arguments->devices, container_config_add_device, "--device"},
		{&arguments->device_rules, container_config_add_device_rule, "--device-cgroup-rule"},
		{&arguments->block_weights, container_config_add_block_weight, "--blkio-weight-device"},
		{&arguments->block_read_bytes, container_config_add_block_read_bytes, "--device-read-bps"},
		{&arguments->block_write_bytes, container_config_add_block_write_bytes, "--device-write-bps"},
		{&arguments->block_read_operations, container_config_add_block_read_operations, "--device-read-iops"},
		{&arguments->block_write_operations, container_config_add_block_write_operations,
		 "--device-write-iops"},
		{&arguments->sysctls, container_config_add_sysctl, "--sysctl"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (add_each(steps[i].list, config, steps[i].add, steps[i].flag, err) < 0)
			return -1;
	string_list_copy(&config->groups, &arguments->groups);
	string_list_copy(&config->capabilities_add, &arguments->capabilities_add);
	string_list_copy(&config->capabilities_drop, &arguments->capabilities_drop);
	string_list_copy(&config->dns_search, &arguments->dns_search);
	string_list_copy(&config->dns_options, &arguments->dns_options);
	return 0;
}

/* With no word of it, all but the input, which -i is for. */
static int apply_attach(const struct create_arguments *arguments, struct container_config *config, struct error *err)
{
	config->attach_input = arguments->interactive && !arguments->detach;
	config->attach_output = config->attach_problems = arguments->attach.count == 0 && !arguments->detach;
	for (size_t i = 0; i < arguments->attach.count; i++) {
		const char *stream = arguments->attach.items[i];
		bool *attached = strcasecmp(stream, "stdin") == 0    ? &config->attach_input
				 : strcasecmp(stream, "stdout") == 0 ? &config->attach_output
				 : strcasecmp(stream, "stderr") == 0 ? &config->attach_problems
								     : NULL;
		if (!attached)
			return error_set(err, ERROR_USAGE,
					 "invalid argument \"%s\" for \"-a, --attach\" flag: valid streams are STDIN, "
					 "STDOUT and STDERR",
					 stream);
		*attached = true;
	}
	if (arguments->attach.count && arguments->detach)
		return error_set(err, ERROR_INVALID, "conflicting options: cannot specify both --attach and --detach");
	return 0;
}

int create_arguments_apply(const struct create_arguments *arguments, int count, char **words,
			   struct container_config *config, struct create_options *options, struct error *err)
{
	const struct network_wishes wishes = {.aliases = &arguments->aliases,
					      .address = arguments->ip,
					      .address6 = arguments->ip6,
					      .hardware = arguments->mac_address};
	options->image = words[0];
	options->name = arguments->name;
	options->remove_on_exit = arguments->remove;
	options->publish_all = arguments->publish_all;
	if (pull_policy_parse(arguments->pull, &options->pull, err) < 0)
		return -1;
	if (arguments->platform) {
		if (platform_parse(arguments->platform, &options->platform, err) < 0)
			return -1;
		options->has_platform = true;
	}
	if (check_one_way(arguments, err) < 0 || apply_lists(arguments, config, err) < 0 ||
	    apply_resources(arguments, config, err) < 0)
		return -1;
	if (apply_modes(arguments, config, err) < 0 ||
	    container_config_set_log_options(config, &arguments->log_options, err) < 0)
		return -1;
	if (arguments->remove && config->restart_policy != RESTART_NO)
		return error_set(err, ERROR_INVALID, "conflicting options: cannot specify both --restart and --rm");
	if (health_options_apply(&arguments->health, &config->healthcheck, err) < 0)
		return -1;
	config->hostname = duplicate_string(arguments->hostname);
	config->domainname = text_or_null(arguments->domainname);
	if (check_words(&arguments->dns_search, "dns-search", err) < 0 ||
	    check_words(&arguments->dns_options, "dns-option", err) < 0 ||
	    container_config_complete_network(config, &wishes, err) < 0)
		return -1;
	config->working_directory = duplicate_string(arguments->working_directory);
	if (config->working_directory && config->working_directory[0] != '/')
		return error_set(err, ERROR_INVALID,
				 "the working directory '%s' is invalid, it needs to be an absolute path",
				 config->working_directory);
	string_list_copy(&config->volumes_from, &arguments->volumes_from);
	if (apply_attach(arguments, config, err) < 0 || container_config_check_namespaces(config, err) < 0)
		return -1;
	config->user = duplicate_string(arguments->user);
	config->stop_signal = duplicate_string(arguments->stop_signal);
	config->stop_timeout = arguments->stop_timeout;
	config->terminal = arguments->terminal;
	config->open_input = arguments->interactive;
	config->use_init = arguments->use_init;
	config->read_only_root = arguments->read_only;
	config->privileged = arguments->privileged;
	if (arguments->entrypoint) {
		config->has_entrypoint = true;
		if (*arguments->entrypoint)
			string_list_add(&config->entrypoint, arguments->entrypoint);
	}
	config->has_command = count > 1;
	for (int i = 1; i < count; i++)
		string_list_add(&config->command, words[i]);
	return 0;
}

int create_write_id_file(const struct create_arguments *arguments, const char *id, struct error *err)
{
	if (!arguments->container_id_file)
		return 0;
	cleanup_close int fd = open(arguments->container_id_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 && errno == EEXIST)
		return error_set(err, ERROR_CONFLICT,
				 "container ID file found, make sure the other container isn't running or delete %s",
				 arguments->container_id_file);
	if (fd < 0)
		return error_set_errno(err, errno, "create the container ID file %s", arguments->container_id_file);
	return write_full(fd, id, strlen(id), err);
}

void create_arguments_warn(const struct create_arguments *arguments)
{
	if (arguments->kernel_memory)
		fprintf(stderr,
			"WARNING: Specifying a kernel memory limit is deprecated and has no effect: Linux has none\n");
	if (arguments->oom_kill_disable && !arguments->memory)
		fprintf(stderr,
			"WARNING: OOM killer is disabled for the container, but no memory limit is set, this can "
			"result in the system running out of resources.\n");
}
