#include "engine/start.h"
#include "engine/events.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "engine/etc_files.h"
#include "engine/health.h"
#include "engine/launch_plan.h"
#include "engine/monitor_fork.h"
#include "engine/network.h"
#include "engine/network_names.h"
#include "engine/network_share.h"
#include "engine/state.h"
#include "monitor/start.h"
#include "monitor/status.h"
#include "network/resolver_sockets.h"
#include "runtime/cgroup.h"
#include "runtime/launch.h"

/* What the forked child works with. Descriptors of -1 are not there. */
struct start {
	struct engine *engine;
	const struct container_record *record;
	const struct container_config *config;
	const struct launch_plan *plan;
	const struct network_plan *network;
	const struct container_hold *hold;
	/* Of a container with a network of its own; -1 and NULL for others. */
	int names_fd;
	const char *resolver, *servers;
	int client_fd; /* the monitor's end of the attach connection */
	struct health_settings health;
	bool is_again; /* because it was due (restart.h) */
};

char *container_cgroup_path(const char *id)
{
	return format_string("/coracle/%s", id);
}

char *container_cgroup(const struct container_record *record)
{
	const char *parent = NULL;
	struct error ignored = {0};
	json_get_string(record->config, "cgroup_parent", &parent, &ignored);
	if (!parent)
		return container_cgroup_path(record->id);
	return format_string("%s%s/%s", parent[0] == '/' ? "" : "/", parent, record->id);
}

static int launch(const struct start *start, struct stdio *stdio, struct runtime_process *ret_process,
		  struct resolver_sockets *ret_sockets, struct error *err)
{
	struct runtime_spec spec = start->plan->spec;
	spec.stdio_fds[0] = stdio->input[0];
	spec.stdio_fds[1] = stdio->output[0];
	spec.stdio_fds[2] = stdio->problems[0];
	struct runtime_inside inside = {
		.configure = endpoint_configure_inside,
		.context = &start->network->endpoints,
	};
	bool own_network = spec.network == SPEC_NETWORK_OWN;
	if (runtime_launch_with(&spec, own_network ? &inside : NULL, ret_process, err) < 0)
		return -1;
	if (ret_process->terminal_fd >= 0)
		stdio_copy_terminal_size(ret_process->terminal_fd);
	int result = network_connect(start->network, start->config, ret_process->pid, err);
	if (result == 0 && start->network->count)
		result = resolver_sockets_open(ret_process->pid, network_plan_has_resolver(start->network), ret_sockets,
					       err);
	if (result < 0)
		runtime_tell_reason(ret_process, err);
	if (result < 0 || runtime_start(ret_process, err) < 0) {
		runtime_abandon(ret_process, start->plan->cgroup);
		network_take_back(start->network, start->config);
		return -1;
	}
	return 0;
}

static int become_monitor(const void *context, int report_fd, struct error *err)
{
	const struct start *start = context;
	struct stdio stdio = STDIO_INIT;
	struct runtime_process process = {.pidfd = -1, .sync_fd = -1, .terminal_fd = -1};
	struct resolver_sockets sockets = RESOLVER_SOCKETS_INIT;
	if (stdio_open(start->config->terminal, start->config->open_input, &stdio, err) < 0 ||
	    launch(start, &stdio, &process, &sockets, err) < 0)
		return -1;
	struct monitor_options options = monitor_options_new(start->engine, &stdio, &process, report_fd);
	options.id = start->record->id;
	options.run_folder_fd = start->hold->run_folder_fd;
	log_plan_apply(&start->plan->log, &options);
	options.memory_events_fd = cgroup_open_memory_events(start->plan->cgroup);
	options.lock_fd = start->hold->lock_fd;
	options.client_fd = start->client_fd;
	options.names_udp_fd = sockets.udp_fd;
	options.names_tcp_fd = sockets.tcp_fd;
	options.names_folder_fd = start->names_fd;
	options.resolver = start->resolver;
	options.servers = start->servers;
	options.stdin_once = start->client_fd >= 0 && start->config->open_input;
	if (start->health.is_set) {
		options.probe_interval = start->health.interval;
		options.first_probe =
			start->health.start_period ? start->health.start_interval : start->health.interval;
	}
	monitor_become(&options, err);
	runtime_abandon(&process, start->plan->cgroup);
	return -1;
}

static int fork_monitor(const struct start *start, struct error *err)
{
	if (monitor_fork(become_monitor, start, err) == 0)
		return 0;
	struct error ignored = {0};
	cgroup_destroy(start->plan->cgroup, &ignored);
	return -1;
}

static int start_planned(struct start *start, struct launch_plan *plan, struct error *err)
{
	struct engine *engine = start->engine;
	if (launch_plan_make(engine, start->record, start->config, start->network, plan, err) < 0)
		return -1;
	/* Known as started before the first process exists: whatever is killed from here on is found and taken down. */
	nanoseconds now = time_now();
	if ((start->is_again ? container_set_started_again(engine->store, start->record->id, now, err)
			     : container_set_started(engine->store, start->record->id, now, err)) < 0)
		return -1;
	cleanup_string_list struct string_list servers = {0};
	cleanup_close int names_fd = -1;
	cleanup_free char *asked = NULL, *resolver = NULL;
	if (start->network->count) {
		names_fd = network_names_open(engine, err);
		if (names_fd < 0)
			return -1;
		etc_files_servers(&start->config->dns, &servers);
		asked = string_list_join(&servers, ",");
		/* Beside the monitor. */
		resolver = format_string("%.*s/coracle-resolver",
					 (int)(strrchr(engine->monitor, '/') - engine->monitor), engine->monitor);
	}
	start->names_fd = names_fd;
	start->servers = asked;
	start->resolver = resolver;
	return fork_monitor(start, err);
}

/* Ports that were chosen now are part of what the container is. */
static int keep_chosen_ports(struct engine *engine, struct container_record *record,
			     const struct container_config *config, struct error *err)
{
	if (config->port_count == 0)
		return 0;
	json_t *document = container_config_to_json(config);
	json_decref(record->config);
	record->config = document;
	return container_set_config(engine->store, record->id, document, err);
}

/* The lock is held; nothing of the container runs. */
static int start_locked(const struct start *given, struct container_record *record, struct error *err)
{
	struct start start = *given;
	struct engine *engine = start.engine;
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	if (container_config_from_json(record->config, &config, err) < 0 ||
	    health_settings_read(&config, &start.health, err) < 0)
		return -1;
	/* What an earlier run left, or the word of it would be taken for this one's. */
	unlinkat(start.hold->run_folder_fd, "status", 0);
	unlinkat(start.hold->run_folder_fd, "health", 0);
	unlinkat(start.hold->run_folder_fd, NETWORK_SHARED_FILE, 0);
	cleanup_network_plan struct network_plan network = {.gateway = -1};
	if (network_plan_container(engine, record->id, &config, &network, err) < 0)
		return -1;
	cleanup_launch_plan struct launch_plan plan = LAUNCH_PLAN_INIT;
	start.record = record;
	start.config = &config;
	start.plan = &plan;
	start.network = &network;
	if (keep_chosen_ports(engine, record, &config, err) == 0 && start_planned(&start, &plan, err) == 0) {
		event_container(engine, record, "start", NULL);
		return 0;
	}
	struct error ignored = {0};
	network_disconnect(engine, record->id, &config, &ignored);
	return -1;
}

/* The record tells of a failure. */
static int start_held(const struct start *start, struct container_record *record, struct error *err)
{
	if (start_locked(start, record, err) == 0)
		return 0;
	struct error ignored = {0};
	container_set_not_started(start->engine->store, record, err ? err->message : "", &ignored);
	return -1;
}

int container_start(struct engine *engine, struct container_record *record, struct container_hold *given,
		    int *ret_client_fd, struct error *err)
{
	cleanup_container_hold struct container_hold hold = CONTAINER_HOLD_INIT;
	if (given) {
		hold = *given;
		*given = CONTAINER_HOLD_INIT;
	}
	cleanup_close int client_near = -1;
	cleanup_close int client_far = -1;
	if (hold.lock_fd < 0 && container_hold_take(engine, record->id, &hold, err) < 0)
		return -1;
	if (ret_client_fd) {
		int ends[2];
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
			return error_set_errno(err, errno, "make a socket pair");
		client_near = ends[0];
		client_far = ends[1];
	}
	struct start start = {.engine = engine, .hold = &hold, .client_fd = client_far};
	if (start_held(&start, record, err) < 0)
		return -1;
	if (ret_client_fd)
		*ret_client_fd = steal_fd(&client_near);
	return 0;
}

int container_start_again(struct engine *engine, struct container_record *record, const struct container_hold *hold,
			  struct error *err)
{
	struct start start = {.engine = engine, .hold = hold, .client_fd = -1, .is_again = true};
	return start_held(&start, record, err);
}
