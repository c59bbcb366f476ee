#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include "engine/container_config.h"

static const char *const mount_kinds[] = {"bind", "volume", "tmpfs"};
static const char *const networks[] = {"bridge", "host", "none", "container"};
const char *const restart_policy_names[] = {"no", "on-failure", "always", "unless-stopped"};
const char *const log_driver_names[] = {"json-file", "local", "journald", "none"};
static_assert(ARRAY_SIZE(log_driver_names) == LOG_DRIVER_NONE + 1, "a name for each log driver");
static_assert(ARRAY_SIZE(restart_policy_names) == RESTART_UNLESS_STOPPED + 1, "a name for each policy");

#define MOUNT_FLAGS(apply)                                                                                             \
	apply(read_only, readOnly) apply(make_source, makeSource) apply(by_mount, byMount)                             \
		apply(is_borrowed, isBorrowed) apply(is_shallow, isShallow) apply(read_only_here, readOnlyHere)        \
			apply(is_empty, isEmpty)

static json_t *mounts_to_json(const struct container_config *config)
{
	json_t *array = json_array();
	for (size_t i = 0; i < config->mount_count; i++) {
		const struct container_mount *mount = &config->mounts[i];
		json_t *one = json_pack("{s:s, s:s, s:s, s:s}", "kind", mount_kinds[mount->kind], "source",
					mount->source, "target", mount->target, "options", mount->options);
#define PUT(member, name)                                                                                              \
	if (mount->member)                                                                                             \
		json_object_set_new(one, #name, json_true());
		MOUNT_FLAGS(PUT)
#undef PUT
		json_set_text(one, "propagation", mount->propagation);
		json_set_text(one, "subpath", mount->subpath);
		if (mount->labels.count)
			json_object_set_new(one, "labels", json_from_strings(&mount->labels));
		json_array_append_new(array, one);
	}
	return array;
}

static json_t *ports_to_json(const struct container_config *config)
{
	json_t *array = json_array();
	for (size_t i = 0; i < config->port_count; i++) {
		const struct published_port *port = &config->ports[i];
		char address[INET6_ADDRSTRLEN] = "";
		if (port->family != AF_UNSPEC)
			published_port_address(port, address);
		json_array_append_new(array,
				      json_pack("{s:s, s:i, s:i, s:s, s:b}", "hostAddress", address, "hostPort",
						port->host_port, "containerPort", port->container_port, "protocol",
						port_protocol_names[port->protocol], "ipv6Too", port->is_on_ipv6_too));
	}
	return array;
}

static json_t *attachments_to_json(const struct container_config *config)
{
	json_t *array = json_array();
	for (size_t i = 0; i < config->attachment_count; i++) {
		const struct container_attachment *attachment = &config->attachments[i];
		json_t *one = json_pack("{s:s}", "network", attachment->network);
		json_object_set_new(one, "aliases", json_from_strings(&attachment->aliases));
		json_set_text(one, "address", attachment->address);
		json_set_text(one, "address6", attachment->address6);
		json_set_text(one, "hardware", attachment->hardware);
		json_array_append_new(array, one);
	}
	return array;
}

/* The lists and numbers by name, once for both ways. */
#define LIST_MEMBERS(apply)                                                                                            \
	apply(entrypoint) apply(command) apply(environment) apply(groups) apply(labels) apply(exposed_ports)           \
		apply(extra_hosts) apply(dns) apply(dns_search) apply(dns_options) apply(links)                        \
			apply(capabilities_add) apply(capabilities_drop) apply(shell) apply(layers) apply(log_options) \
				apply(ulimits) apply(block_weights) apply(block_read_bytes) apply(block_write_bytes)   \
					apply(block_read_operations) apply(block_write_operations) apply(devices)      \
						apply(device_rules) apply(sysctls) apply(annotations)                  \
							apply(security_words) apply(volumes_from)
#define BOOLEAN_MEMBERS(apply)                                                                                         \
	apply(has_entrypoint) apply(has_command) apply(terminal) apply(open_input) apply(use_init)                     \
		apply(read_only_root) apply(privileged) apply(no_new_privileges) apply(seccomp_unconfined)             \
			apply(attach_input) apply(attach_output) apply(attach_problems) apply(shows_system_paths)      \
				apply(resources.sets_swappiness) apply(resources.oom_kill_disable)
#define NUMBER_MEMBERS(apply)                                                                                          \
	apply(stop_timeout) apply(restart_limit) apply(shm_bytes) apply(resources.memory_bytes)                        \
		apply(resources.memory_swap_bytes) apply(resources.pids_limit) apply(resources.cpu_quota_us)           \
			apply(resources.cpu_shares) apply(resources.memory_reservation_bytes)                          \
				apply(resources.memory_swappiness) apply(resources.cpu_period_us)                      \
					apply(resources.cpu_rt_period_us) apply(resources.cpu_rt_runtime_us)           \
						apply(resources.block_weight) apply(nano_cpus) apply(oom_score_adj)
#define TEXT_MEMBERS(apply)                                                                                            \
	apply(hostname) apply(network_container) apply(working_directory) apply(user) apply(stop_signal)               \
		apply(cpuset_cpus) apply(cpuset_mems) apply(cgroup_parent) apply(pid_mode) apply(ipc_mode)             \
			apply(uts_mode) apply(cgroup_mode) apply(userns_mode) apply(domainname) apply(seccomp_profile)

json_t *container_config_to_json(const struct container_config *config)
{
	json_t *document = json_object();
#define PUT(name)                                                                                                      \
	if (config->name.count)                                                                                        \
		json_object_set_new(document, #name, json_from_strings(&config->name));
	LIST_MEMBERS(PUT)
#undef PUT
#define PUT(name)                                                                                                      \
	if (config->name)                                                                                              \
		json_object_set_new(document, #name, json_true());
	BOOLEAN_MEMBERS(PUT)
#undef PUT
#define PUT(name) json_object_set_new(document, #name, json_integer(config->name));
	NUMBER_MEMBERS(PUT)
#undef PUT
#define PUT(name)                                                                                                      \
	if (config->name)                                                                                              \
		json_object_set_new(document, #name, json_string(config->name));
	TEXT_MEMBERS(PUT)
#undef PUT
	json_object_set_new(document, "network", json_string(networks[config->network]));
	json_object_set_new(document, "logDriver", json_string(log_driver_names[config->log_driver]));
	json_object_set_new(document, "restart", json_string(restart_policy_names[config->restart_policy]));
	if (config->healthcheck)
		json_object_set(document, "healthcheck", config->healthcheck);
	json_object_set_new(document, "mounts", mounts_to_json(config));
	json_object_set_new(document, "ports", ports_to_json(config));
	json_object_set_new(document, "attachments", attachments_to_json(config));
	return document;
}

static int index_of(const char *const *names, size_t count, const char *name, size_t *ret_index)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0) {
			*ret_index = i;
			return 0;
		}
	}
	return -1;
}

static int mounts_from_json(const json_t *document, struct container_config *config, struct error *err)
{
	json_t *array = NULL;
	if (json_get_array(document, "mounts", &array, err) < 0)
		return -1;
	config->mounts = allocate_array(json_array_size(array), sizeof *config->mounts);
	size_t index;
	json_t *item;
	json_array_foreach(array, index, item)
	{
		const char *kind, *source, *target, *options, *propagation = NULL, *subpath = NULL;
		size_t number;
		if (json_need_string(item, "kind", &kind, err) < 0 ||
		    json_need_string(item, "source", &source, err) < 0 ||
		    json_need_string(item, "target", &target, err) < 0 ||
		    json_need_string(item, "options", &options, err) < 0 ||
		    json_get_string(item, "propagation", &propagation, err) < 0 ||
		    json_get_string(item, "subpath", &subpath, err) < 0)
			return -1;
		if (index_of(mount_kinds, ARRAY_SIZE(mount_kinds), kind, &number) < 0)
			return error_set(err, ERROR_CORRUPT, "unknown kind of mount \"%s\"", kind);
		struct container_mount *mount = &config->mounts[config->mount_count++];
		*mount = (struct container_mount){
			.kind = (enum container_mount_kind)number,
			.source = duplicate_string(source),
			.target = duplicate_string(target),
			.options = duplicate_string(options),
			.propagation = duplicate_string(propagation),
			.subpath = duplicate_string(subpath),
		};
#define GET(member, name)                                                                                              \
	if (json_get_boolean(item, #name, &mount->member, err) < 0)                                                    \
		return -1;
		MOUNT_FLAGS(GET)
#undef GET
		if (json_get_strings(item, "labels", &mount->labels, err) < 0)
			return -1;
	}
	return 0;
}

/* Records of older versions have "udp" and no protocol, and 0.0.0.0 for all addresses. */
static int port_from_json(const json_t *item, struct published_port *port, struct error *err)
{
	const char *address, *protocol = NULL;
	int64_t host_port, container_port;
	bool is_udp = false;
	if (json_need_string(item, "hostAddress", &address, err) < 0 ||
	    json_need_integer(item, "hostPort", &host_port, err) < 0 ||
	    json_need_integer(item, "containerPort", &container_port, err) < 0 ||
	    json_get_string(item, "protocol", &protocol, err) < 0 ||
	    json_get_boolean(item, "ipv6Too", &port->is_on_ipv6_too, err) < 0 ||
	    json_get_boolean(item, "udp", &is_udp, err) < 0)
		return -1;
	port->protocol = is_udp ? PORT_UDP : PORT_TCP;
	port->family = !*address ? AF_UNSPEC : strchr(address, ':') ? AF_INET6 : AF_INET;
	void *target = port->family == AF_INET6 ? (void *)&port->host_address6 : &port->host_address;
	bool is_valid = !*address || inet_pton(port->family, address, target) == 1;
	if (!protocol && port->host_address.s_addr == 0)
		port->family = AF_UNSPEC;
	if (!is_valid || (protocol && !port_protocol_parse(protocol, &port->protocol)) || host_port < 0 ||
	    host_port > UINT16_MAX || container_port < 1 || container_port > UINT16_MAX)
		return error_set(err, ERROR_CORRUPT, "a published port is out of range");
	port->host_port = (uint16_t)host_port;
	port->container_port = (uint16_t)container_port;
	return 0;
}

static int ports_from_json(const json_t *document, struct container_config *config, struct error *err)
{
	json_t *array = NULL;
	if (json_get_array(document, "ports", &array, err) < 0)
		return -1;
	config->ports = allocate_array(json_array_size(array), sizeof *config->ports);
	size_t index;
	json_t *item;
	json_array_foreach(array, index, item)
	{
		if (port_from_json(item, &config->ports[config->port_count], err) < 0)
			return -1;
		config->port_count++;
	}
	return 0;
}

static int attachments_from_json(const json_t *document, struct container_config *config, struct error *err)
{
	json_t *array = NULL;
	if (json_get_array(document, "attachments", &array, err) < 0)
		return -1;
	/* A record of an older version. */
	if (!array && config->network == CONTAINER_NETWORK_BRIDGE)
		container_config_add_attachment(config, DEFAULT_NETWORK);
	size_t index;
	json_t *item;
	json_array_foreach(array, index, item)
	{
		const char *network, *address = NULL, *address6 = NULL, *hardware = NULL;
		if (json_need_string(item, "network", &network, err) < 0 ||
		    json_get_string(item, "address", &address, err) < 0 ||
		    json_get_string(item, "address6", &address6, err) < 0 ||
		    json_get_string(item, "hardware", &hardware, err) < 0)
			return -1;
		struct container_attachment *attachment = container_config_add_attachment(config, network);
		attachment->address = duplicate_string(address);
		attachment->address6 = duplicate_string(address6);
		attachment->hardware = duplicate_string(hardware);
		if (json_get_strings(item, "aliases", &attachment->aliases, err) < 0)
			return -1;
	}
	return 0;
}

static int members_from_json(const json_t *document, struct container_config *config, struct error *err)
{
#define GET(name)                                                                                                      \
	if (json_get_strings(document, #name, &config->name, err) < 0)                                                 \
		return -1;
	LIST_MEMBERS(GET)
#undef GET
#define GET(name)                                                                                                      \
	if (json_get_boolean(document, #name, &config->name, err) < 0)                                                 \
		return -1;
	BOOLEAN_MEMBERS(GET)
#undef GET
#define GET(name)                                                                                                      \
	if (json_get_integer(document, #name, &config->name, err) < 0)                                                 \
		return -1;
	NUMBER_MEMBERS(GET)
#undef GET
	const char *text;
#define GET(name)                                                                                                      \
	text = NULL;                                                                                                   \
	if (json_get_string(document, #name, &text, err) < 0)                                                          \
		return -1;                                                                                             \
	config->name = duplicate_string(text);
	TEXT_MEMBERS(GET)
#undef GET
	const char *network;
	size_t number;
	if (json_need_string(document, "network", &network, err) < 0)
		return -1;
	if (index_of(networks, ARRAY_SIZE(networks), network, &number) < 0)
		return error_set(err, ERROR_CORRUPT, "unknown network \"%s\"", network);
	config->network = (enum container_network)number;
	json_t *healthcheck = NULL;
	if (json_get_object(document, "healthcheck", &healthcheck, err) < 0)
		return -1;
	config->healthcheck = json_incref(healthcheck);
	const char *restart = restart_policy_names[RESTART_NO];
	if (json_get_string(document, "restart", &restart, err) < 0)
		return -1;
	if (index_of(restart_policy_names, ARRAY_SIZE(restart_policy_names), restart, &number) < 0)
		return error_set(err, ERROR_CORRUPT, "unknown restart policy \"%s\"", restart);
	config->restart_policy = (enum restart_policy)number;
	const char *driver = log_driver_names[LOG_DRIVER_JSON_FILE];
	if (json_get_string(document, "logDriver", &driver, err) < 0)
		return -1;
	if (index_of(log_driver_names, ARRAY_SIZE(log_driver_names), driver, &number) < 0)
		return error_set(err, ERROR_CORRUPT, "unknown log driver \"%s\"", driver);
	config->log_driver = (enum log_driver)number;
	if (mounts_from_json(document, config, err) < 0 || attachments_from_json(document, config, err) < 0)
		return -1;
	return ports_from_json(document, config, err);
}

int container_config_from_json(const json_t *document, struct container_config *ret_config, struct error *err)
{
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	if (members_from_json(document, &config, err) < 0)
		return error_wrap(err, "the container's record");
	*ret_config = config;
	container_config_init(&config);
	return 0;
}
