#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "engine/health.h"
#include "engine/inspect.h"
#include "engine/inspect_mounts.h"
#include "engine/inspect_resources.h"
#include "engine/launch_plan.h"
#include "engine/list.h"
#include "engine/log_files.h"
#include "monitor/log_files.h"
#include "monitor/status.h"
#include "oci/platform.h"
#include "store/image.h"

#define DEFAULT_SHM_BYTES (64LL * 1024 * 1024)
#define EXEC_PREFIX	  "exec-"

static json_t *state_of(const struct container_view *view, bool out_of_memory)
{
	const struct container_state *state = &view->state;
	return json_pack("{s:s, s:b, s:b, s:b, s:b, s:b, s:i, s:i, s:s, s:o, s:o}", "Status",
			 container_state_name(state), "Running", container_state_is_active(state), "Paused",
			 state->is_paused, "Restarting", state->status == CONTAINER_RESTARTING, "OOMKilled",
			 out_of_memory, "Dead", 0, "Pid", (int)state->pid, "ExitCode", state->exit_code, "Error",
			 view->record.problem, "StartedAt", inspect_time(state->started), "FinishedAt",
			 inspect_time(state->finished));
}

/* What is kept for this boot: whether memory ran out, what exec started, what health checks found. */
static int read_run_folder(struct engine *engine, const char *id, bool *ret_out_of_memory, json_t **ret_execs,
			   json_t **ret_health, struct error *err)
{
	cleanup_close int folder = -1;
	struct error ignored = {0};
	struct monitor_status status = {0};
	*ret_execs = json_null();
	if (container_open_run_folder(engine->store, id, false, &folder, &ignored) < 0)
		return health_read(-1, ret_health, err);
	if (health_read(folder, ret_health, err) < 0)
		return -1;
	if (monitor_status_read(folder, &status, err) < 0)
		return -1;
	*ret_out_of_memory = status.out_of_memory;
	cleanup_directory DIR *directory = fdopendir(fcntl(folder, F_DUPFD_CLOEXEC, 3));
	cleanup_string_list struct string_list execs = {0};
	for (struct dirent *entry; directory && (entry = readdir(directory));)
		if (strncmp(entry->d_name, EXEC_PREFIX, strlen(EXEC_PREFIX)) == 0)
			string_list_add(&execs, entry->d_name + strlen(EXEC_PREFIX));
	if (execs.count)
		*ret_execs = json_from_strings(&execs);
	return 0;
}

static json_t *binding(const char *address, uint16_t port)
{
	cleanup_free char *number = port ? format_string("%u", port) : duplicate_string("");
	return json_pack("{s:s, s:s}", "HostIp", address, "HostPort", number);
}

/* {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}; a port that is exposed alone is null. */
static json_t *ports_of(const struct container_config *config, bool with_exposed)
{
	json_t *ports = json_object();
	for (size_t i = 0; with_exposed && i < config->exposed_ports.count; i++)
		json_object_set_new_nocheck(ports, config->exposed_ports.items[i], json_null());
	for (size_t i = 0; i < config->port_count; i++) {
		const struct published_port *port = &config->ports[i];
		char address[INET6_ADDRSTRLEN];
		cleanup_free char *name =
			format_string("%u/%s", port->container_port, port_protocol_names[port->protocol]);
		published_port_address(port, address);
		json_t *bindings = json_object_get(ports, name);
		if (!json_is_array(bindings)) {
			bindings = json_array();
			json_object_set_new_nocheck(ports, name, bindings);
		}
		json_array_append_new(
			bindings, binding(port->family != AF_UNSPEC || with_exposed ? address : "", port->host_port));
		if (with_exposed && port->is_on_ipv6_too)
			json_array_append_new(bindings, binding("::", port->host_port));
	}
	return ports;
}

static json_t *host_config_of(const struct container_view *view)
{
	const struct container_config *config = &view->config;
	json_t *host = json_object();
	json_object_set_new(host, "Binds", inspect_binds(config));
	json_object_set_new(host, "ContainerIDFile", json_string(""));
	json_object_set_new(host, "LogConfig",
			    json_pack("{s:s, s:o}", "Type", log_driver_names[config->log_driver], "Config",
				      inspect_map(&config->log_options)));
	cleanup_free char *mode = container_config_network_mode(config);
	json_object_set_new(host, "NetworkMode", json_string(mode));
	json_object_set_new(host, "PortBindings", ports_of(config, false));
	json_object_set_new(host, "RestartPolicy",
			    json_pack("{s:s, s:i}", "Name", restart_policy_names[config->restart_policy],
				      "MaximumRetryCount", (int)config->restart_limit));
	json_object_set_new(host, "AutoRemove", json_boolean(view->record.remove_on_exit));
	json_object_set_new(host, "VolumeDriver", json_string(""));
	json_object_set_new(host, "VolumesFrom",
			    inspect_list_or_null(&config->volumes_from, config->volumes_from.count > 0));
	json_object_set_new(host, "CapAdd",
			    inspect_list_or_null(&config->capabilities_add, config->capabilities_add.count > 0));
	json_object_set_new(host, "CapDrop",
			    inspect_list_or_null(&config->capabilities_drop, config->capabilities_drop.count > 0));
	json_object_set_new(host, "Dns", json_from_strings(&config->dns));
	json_object_set_new(host, "DnsOptions", json_from_strings(&config->dns_options));
	json_object_set_new(host, "DnsSearch", json_from_strings(&config->dns_search));
	json_object_set_new(host, "ExtraHosts",
			    inspect_list_or_null(&config->extra_hosts, config->extra_hosts.count > 0));
	json_object_set_new(host, "GroupAdd", inspect_list_or_null(&config->groups, config->groups.count > 0));
	json_object_set_new(host, "Links", inspect_list_or_null(&config->links, config->links.count > 0));
	json_object_set_new(host, "Privileged", json_boolean(config->privileged));
	json_object_set_new(host, "PublishAllPorts", json_false());
	json_object_set_new(host, "ReadonlyRootfs", json_boolean(config->read_only_root));
	json_object_set_new(host, "SecurityOpt", inspect_security_options(config));
	inspect_add_mounts(host, config);
	json_object_set_new(host, "ShmSize", json_integer(config->shm_bytes ? config->shm_bytes : DEFAULT_SHM_BYTES));
	json_object_set_new(host, "Runtime", json_string("coracle"));
	inspect_add_modes(host, config);
	inspect_add_resources(host, config);
	if (config->use_init)
		json_object_set_new(host, "Init", json_true());
	return host;
}

static json_t *config_of(const struct container_view *view)
{
	const struct container_config *config = &view->config;
	json_t *json = json_object();
	cleanup_free char *hostname = container_hostname(&view->record, config);
	json_object_set_new(json, "Hostname", json_string_nocheck(hostname));
	json_object_set_new(json, "Domainname", json_string_nocheck(config->domainname ? config->domainname : ""));
	json_object_set_new(json, "User", json_string_nocheck(config->user ? config->user : ""));
	json_object_set_new(json, "AttachStdin", json_boolean(config->attach_input));
	json_object_set_new(json, "AttachStdout", json_boolean(config->attach_output));
	json_object_set_new(json, "AttachStderr", json_boolean(config->attach_problems));
	if (config->exposed_ports.count)
		json_object_set_new(json, "ExposedPorts", inspect_set(&config->exposed_ports));
	json_object_set_new(json, "Tty", json_boolean(config->terminal));
	json_object_set_new(json, "OpenStdin", json_boolean(config->open_input));
	json_object_set_new(json, "StdinOnce", json_false());
	json_object_set_new(json, "Env", json_from_strings(&config->environment));
	json_object_set_new(json, "Cmd", inspect_list_or_null(&config->command, config->command.count > 0));
	json_object_set_new(json, "Image", json_string_nocheck(view->record.image_name));
	cleanup_string_list struct string_list volumes = {0};
	for (size_t i = 0; i < config->mount_count; i++)
		if (config->mounts[i].kind == CONTAINER_MOUNT_VOLUME)
			string_list_add(&volumes, config->mounts[i].target);
	json_object_set_new(json, "Volumes", volumes.count ? inspect_set(&volumes) : json_null());
	json_object_set_new(json, "WorkingDir",
			    json_string_nocheck(config->working_directory ? config->working_directory : ""));
	json_object_set_new(json, "Entrypoint",
			    inspect_list_or_null(&config->entrypoint, config->entrypoint.count > 0));
	json_object_set_new(json, "OnBuild", json_null());
	json_object_set_new(json, "Labels", inspect_map(&config->labels));
	json_set_text(json, "StopSignal", config->stop_signal);
	if (config->healthcheck)
		json_object_set(json, "Healthcheck", config->healthcheck);
	if (config->shell.count)
		json_object_set_new(json, "Shell", json_from_strings(&config->shell));
	if (config->stop_timeout >= 0)
		json_object_set_new(json, "StopTimeout", json_integer(config->stop_timeout));
	return json;
}

/* What Docker tells at the top is of the default network. */
static int add_network(struct engine *engine, const struct container_view *view, json_t *document, struct error *err)
{
	static const char *const copied[][2] = {
		{"EndpointID", ""}, {"Gateway", ""},	   {"GlobalIPv6Address", ""}, {"GlobalIPv6PrefixLen", NULL},
		{"IPAddress", ""},  {"IPPrefixLen", NULL}, {"IPv6Gateway", ""},	      {"MacAddress", ""}};
	json_t *networks = NULL;
	if (inspect_endpoints(engine, view, &networks, err) < 0)
		return -1;
	bool running = view->state.status == CONTAINER_RUNNING;
	cleanup_free char *sandbox =
		running ? format_string("/proc/%d/ns/net", (int)view->state.pid) : duplicate_string("");
	json_t *ports = running && view->config.network == CONTAINER_NETWORK_BRIDGE ? ports_of(&view->config, true)
										    : json_object();
	json_t *settings =
		json_pack("{s:s, s:s, s:s, s:o}", "Bridge", "", "SandboxID", "", "SandboxKey", sandbox, "Ports", ports);
	const json_t *first = json_object_get(networks, DEFAULT_NETWORK);
	for (size_t i = 0; i < ARRAY_SIZE(copied); i++) {
		json_t *value = json_object_get(first, copied[i][0]);
		json_object_set_new(settings, copied[i][0],
				    value	   ? json_incref(value)
				    : copied[i][1] ? json_string("")
						   : json_integer(0));
	}
	json_object_set_new(settings, "Networks", networks);
	json_object_set_new(document, "NetworkSettings", settings);
	return 0;
}

static int add_sizes(struct engine *engine, const struct container_view *view, json_t *document, struct error *err)
{
	uint64_t written, total;
	if (container_view_sizes(engine, view, &written, &total, err) < 0)
		return -1;
	json_object_set_new(document, "SizeRw", json_integer((json_int_t)written));
	json_object_set_new(document, "SizeRootFs", json_integer((json_int_t)total));
	return 0;
}

static void add_paths(const struct container_view *view, const char *folder, json_t *document)
{
	static const char *const files[][2] = {{"ResolvConfPath", "resolv.conf"},
					       {"HostnamePath", "hostname"},
					       {"HostsPath", "hosts"},
					       {"LogPath", LOG_FOLDER "/" LOG_NAME}};
	/* The first start makes them. */
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		json_object_set_new(document, files[i][0],
				    view->state.status == CONTAINER_CREATED
					    ? json_string("")
					    : json_pack("s++", folder, "/", files[i][1]));
}

/* The command as it is started: its program, and what follows. */
static void add_command(const struct container_view *view, json_t *document)
{
	json_t *words = json_from_strings(&view->config.entrypoint);
	json_t *command = json_from_strings(&view->config.command);
	json_array_extend(words, command);
	json_decref(command);
	json_t *path = json_array_get(words, 0);
	if (path)
		json_object_set(document, "Path", path);
	else
		json_object_set_new(document, "Path", json_string(""));
	json_array_remove(words, 0);
	json_object_set_new(document, "Args", words);
}

int inspect_container(struct engine *engine, const char *name, bool size, json_t **ret_document, struct error *err)
{
	cleanup_container_view struct container_view view = {0};
	cleanup_json json_t *document = json_object();
	bool out_of_memory = false;
	json_t *execs = NULL;
	cleanup_json json_t *health = NULL;
	if (container_view_find(engine, name, &view, err) < 0 ||
	    read_run_folder(engine, view.record.id, &out_of_memory, &execs, &health, err) < 0)
		return -1;
	struct platform platform;
	platform_host(&platform);
	cleanup_free char *folder = format_string("%s/containers/%s", engine->store->root, view.record.id);
	json_object_set_new(document, "Id", json_string(view.record.id));
	json_object_set_new(document, "Created", inspect_time(view.record.created));
	add_command(&view, document);
	json_object_set_new(document, "State", state_of(&view, out_of_memory));
	if (strcmp(view.state.health, "none") != 0)
		json_object_set(json_object_get(document, "State"), "Health", health);
	json_object_set_new(document, "Image", json_string(view.record.image.text));
	add_paths(&view, folder, document);
	json_object_set_new(document, "Name", json_pack("s+", "/", view.record.name));
	json_object_set_new(document, "RestartCount", json_integer(view.record.restarts));
	json_object_set_new(document, "Driver", json_string("overlay"));
	json_object_set_new(document, "Platform", json_string(platform.os));
	static const char *const labels[] = {"MountLabel", "ProcessLabel", "AppArmorProfile"};
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++)
		json_object_set_new(document, labels[i], json_string(""));
	json_object_set_new(document, "ExecIDs", execs);
	json_object_set_new(document, "HostConfig", host_config_of(&view));
	json_object_set_new(document, "GraphDriver", inspect_graph_driver(engine, &view.config.layers, folder));
	if (size && add_sizes(engine, &view, document, err) < 0)
		return -1;
	json_object_set_new(document, "Mounts", inspect_mounts(engine, &view.config));
	json_object_set_new(document, "Config", config_of(&view));
	if (add_network(engine, &view, document, err) < 0)
		return -1;
	*ret_document = steal_pointer(&document);
	return 0;
}
