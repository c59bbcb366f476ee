#include "engine/exec.h"
#include "engine/events.h"

#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/random.h"
#include "engine/launch_plan.h"
#include "engine/launch_resources.h"
#include "engine/monitor_fork.h"
#include "engine/pin.h"
#include "engine/start.h"
#include "engine/state.h"
#include "monitor/start.h"
#include "runtime/launch.h"

#define EXEC_ID_DIGITS (EXEC_ID_SIZE - 1)

/* What the forked child works with. */
struct exec {
	struct engine *engine;
	const struct exec_options *options;
	const struct container_record *record;
	struct runtime_spec spec;
	struct launch_resources resources;
	char id[EXEC_ID_SIZE];
	int pidfd;
	int folder, lock_fd;
	int client_fd; /* the monitor's end of the attach connection, -1: none */
};

static int become_monitor(const void *context, int report_fd, struct error *err)
{
	const struct exec *exec = context;
	struct stdio stdio = STDIO_INIT;
	struct runtime_process process = {.pidfd = -1, .sync_fd = -1, .terminal_fd = -1};
	struct runtime_spec spec = exec->spec;
	if (stdio_open(spec.terminal, exec->options->input, &stdio, err) < 0)
		return -1;
	spec.stdio_fds[0] = stdio.input[0];
	spec.stdio_fds[1] = stdio.output[0];
	spec.stdio_fds[2] = stdio.problems[0];
	if (runtime_join(&spec, exec->pidfd, &process, err) < 0)
		return -1;
	if (process.terminal_fd >= 0)
		stdio_copy_terminal_size(process.terminal_fd);
	if (runtime_start(&process, err) < 0) {
		runtime_abandon(&process, NULL);
		return -1;
	}
	struct monitor_options options = monitor_options_new(exec->engine, &stdio, &process, report_fd);
	options.id = exec->id;
	options.run_folder_fd = exec->folder;
	options.lock_fd = exec->lock_fd;
	options.client_fd = exec->client_fd;
	options.stdin_once = exec->client_fd >= 0 && exec->options->input;
	options.is_exec = true;
	monitor_become(&options, err);
	runtime_abandon(&process, NULL);
	return -1;
}

static int fill_spec(struct exec *exec, const struct container_config *config, const char *hostname, struct error *err)
{
	const struct exec_options *options = exec->options;
	struct runtime_spec *spec = &exec->spec;
	spec->arguments = (const char *const *)options->arguments;
	spec->working_directory = options->working_directory  ? options->working_directory
				  : config->working_directory ? config->working_directory
							      : "";
	if (spec->working_directory[0] && spec->working_directory[0] != '/')
		return error_set(err, ERROR_INVALID, "Cwd must be an absolute path");
	spec->user = options->user ? options->user : config->user ? config->user : "";
	spec->terminal = options->terminal;
	spec->privileged = config->privileged || options->privileged;
	spec->no_new_privileges = config->no_new_privileges;
	string_list_copy(&spec->groups, &config->groups);
	launch_environment(config, hostname, &spec->environment);
	if (options->terminal && string_list_find_key(&spec->environment, "TERM") < 0)
		string_list_set_key(&spec->environment, "TERM", "xterm");
	for (size_t i = 0; i < options->environment.count; i++) {
		const char *item = options->environment.items[i];
		cleanup_free char *key = format_string("%.*s", (int)strcspn(item, "="), item);
		string_list_set_key(&spec->environment, key, strchr(item, '=') + 1);
	}
	struct container_config rights = *config;
	rights.privileged = spec->privileged;
	if (launch_limits_make(config, spec, &exec->resources, err) < 0)
		return -1;
	return container_config_capabilities(&rights, &spec->capabilities, err);
}

static int open_exec_folder(struct exec *exec, int run_folder, struct error *err)
{
	random_hex(exec->id, EXEC_ID_DIGITS);
	cleanup_free char *name = format_string("exec-%s", exec->id);
	exec->folder = open_folder_at(run_folder, name, true, 0700, err);
	if (exec->folder >= 0 && monitor_lock_take(exec->folder, &exec->lock_fd, err) == 0)
		return 0;
	struct error ignored = {0};
	remove_tree_at(run_folder, name, &ignored);
	return -1;
}

static void exec_release(struct exec *exec)
{
	const int *fds[] = {&exec->pidfd, &exec->folder, &exec->lock_fd, &exec->client_fd};
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		cleanup_close_function(fds[i]);
	string_list_release(&exec->spec.environment);
	string_list_release(&exec->spec.groups);
	launch_resources_release(&exec->resources);
}

static int start(struct exec *exec, int run_folder, int *ret_client_fd, struct error *err)
{
	cleanup_close int near = -1;
	int ends[2];
	if (!exec->options->detach) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
			return error_set_errno(err, errno, "make a socket pair");
		near = ends[0];
		exec->client_fd = ends[1];
	}
	if (open_exec_folder(exec, run_folder, err) < 0)
		return -1;
	if (monitor_fork(become_monitor, exec, err) < 0) {
		struct error ignored = {0};
		cleanup_free char *name = format_string("exec-%s", exec->id);
		remove_tree_at(run_folder, name, &ignored);
		return -1;
	}
	cleanup_string_list struct string_list words = {0};
	for (char *const *word = exec->options->arguments; *word; word++)
		string_list_add(&words, *word);
	cleanup_free char *command = string_list_join(&words, " ");
	cleanup_free char *created = format_string("exec_create: %s", command);
	cleanup_free char *started = format_string("exec_start: %s", command);
	event_container(exec->engine, exec->record, created, json_pack("{s:s}", "execID", exec->id));
	event_container(exec->engine, exec->record, started, json_pack("{s:s}", "execID", exec->id));
	if (exec->options->id)
		memcpy(exec->options->id, exec->id, EXEC_ID_SIZE);
	if (ret_client_fd)
		*ret_client_fd = steal_fd(&near);
	return 0;
}

int container_exec(struct engine *engine, const char *name, const struct exec_options *options, int *ret_client_fd,
		   struct error *err)
{
	CLEANUP(exec_release)
	struct exec exec = {
		.engine = engine, .options = options, .pidfd = -1, .folder = -1, .lock_fd = -1, .client_fd = -1};
	cleanup_container_record struct container_record record = {0};
	CLEANUP(container_config_release) struct container_config config;
	cleanup_seccomp_filter struct seccomp_filter filter = {{0}};
	struct container_state state;
	cleanup_close int run_folder = -1;
	container_config_init(&config);
	if (container_state_find(engine, name, &record, &state, err) < 0 ||
	    container_config_from_json(record.config, &config, err) < 0)
		return -1;
	if (container_state_refuse_restarting(&record, &state, err) < 0)
		return -1;
	if (state.status != CONTAINER_RUNNING)
		return error_set(err, ERROR_CONFLICT, "container %s is not running", record.id);
	if (state.is_paused)
		return error_set(err, ERROR_CONFLICT, "container %s is paused, unpause the container before exec",
				 record.id);
	cleanup_free char *hostname = container_hostname(&record, &config);
	cleanup_free char *cgroup = container_cgroup(&record);
	exec.spec.id = record.id;
	exec.record = &record;
	exec.spec.cgroup = cgroup;
	if (fill_spec(&exec, &config, hostname, err) < 0 ||
	    launch_seccomp(engine, &config, &filter, &exec.spec.seccomp, err) < 0 ||
	    container_open_run_folder(engine->store, record.id, false, &run_folder, err) < 0 ||
	    container_pin(run_folder, &record, state.pid, &exec.pidfd, err) < 0)
		return -1;
	return start(&exec, run_folder, ret_client_fd, err);
}

void container_exec_ended(struct engine *engine, const char *name, const char *exec_id, int exit_code)
{
	cleanup_container_record struct container_record record = {0};
	struct error ignored = {0};
	cleanup_free char *code = format_string("%d", exit_code);
	if (container_find(engine->store, name, &record, &ignored) == 0)
		event_container(engine, &record, "exec_die",
				json_pack("{s:s, s:s}", "execID", exec_id, "exitCode", code));
}
