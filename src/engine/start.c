#include "engine/start.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "engine/launch_plan.h"
#include "engine/network.h"
#include "engine/state.h"
#include "monitor/start.h"
#include "monitor/status.h"
#include "runtime/cgroup.h"
#include "runtime/launch.h"

/* What the forked child works with. Descriptors of -1 are not there. */
struct start {
	struct engine *engine;
	const struct container_record *record;
	const struct container_config *config;
	const struct launch_plan *plan;
	const struct network_plan *network;
	int run_folder;
	int lock_fd;
	int report_fd; /* a byte of the monitor's: all stands; else a struct error */
	int client_fd; /* the monitor's end of the attach connection */
};

char *container_cgroup_path(const char *id)
{
	return format_string("/coracle/%s", id);
}

/* The pipes between the container and its monitor; index 0 is the container's end. */
struct stdio {
	int input[2], output[2], problems[2];
};
#define STDIO_INIT ((struct stdio){{-1, -1}, {-1, -1}, {-1, -1}})

static int open_pipe(int *ret_read, int *ret_write, struct error *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "make a pipe");
	*ret_read = ends[0];
	*ret_write = ends[1];
	return 0;
}

static int open_stdio(const struct container_config *config, struct stdio *stdio, struct error *err)
{
	if (config->terminal)
		return 0;
	if (config->open_input) {
		if (open_pipe(&stdio->input[0], &stdio->input[1], err) < 0)
			return -1;
	} else {
		stdio->input[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (stdio->input[0] < 0)
			return error_set_errno(err, errno, "open /dev/null");
	}
	if (open_pipe(&stdio->output[1], &stdio->output[0], err) < 0 ||
	    open_pipe(&stdio->problems[1], &stdio->problems[0], err) < 0)
		return -1;
	/* Docker's containers own their standard streams, so that a non-root process may reopen /dev/stdout. */
	fchmod(stdio->output[0], 0666);
	fchmod(stdio->problems[0], 0666);
	return 0;
}

/* The container's terminal begins with the size of ours, so that the first thing it draws fits. */
static void copy_terminal_size(int terminal_fd)
{
	struct winsize size;
	for (int fd = 0; fd < 3; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
			ioctl(terminal_fd, TIOCSWINSZ, &size);
			return;
		}
	}
}

static int launch(const struct start *start, struct stdio *stdio, struct runtime_process *ret_process,
		  struct error *err)
{
	struct runtime_spec spec = start->plan->spec;
	spec.stdio_fds[0] = stdio->input[0];
	spec.stdio_fds[1] = stdio->output[0];
	spec.stdio_fds[2] = stdio->problems[0];
	struct runtime_inside inside = {
		.configure = endpoint_configure_inside,
		.context = start->network->is_bridged ? &start->network->endpoint : NULL,
	};
	bool own_network = spec.network == SPEC_NETWORK_OWN;
	if (runtime_launch_with(&spec, own_network ? &inside : NULL, ret_process, err) < 0)
		return -1;
	if (ret_process->terminal_fd >= 0)
		copy_terminal_size(ret_process->terminal_fd);
	if (network_connect(start->network, start->config, ret_process->pid, err) < 0 ||
	    runtime_start(ret_process, err) < 0) {
		runtime_abandon(ret_process, start->plan->cgroup);
		struct error ignored = {0};
		endpoint_detach(&start->network->endpoint, &ignored);
		endpoint_unpublish(&start->network->endpoint, start->config->ports, start->config->port_count,
				   &ignored);
		return -1;
	}
	return 0;
}

static int become_monitor(const struct start *start, struct error *err)
{
	struct stdio stdio = STDIO_INIT;
	struct runtime_process process = {.pidfd = -1, .sync_fd = -1, .terminal_fd = -1};
	if (open_stdio(start->config, &stdio, err) < 0 || launch(start, &stdio, &process, err) < 0)
		return -1;
	struct monitor_options options = {
		.program = start->engine->monitor,
		.engine = start->engine->program,
		.root = start->engine->store->root,
		.run_root = start->engine->store->run_root,
		.id = start->record->id,
		.pid = process.pid,
		.run_folder_fd = start->run_folder,
		.log_fd = start->plan->log_fd,
		.lock_fd = start->lock_fd,
		.ready_fd = start->report_fd,
		.stdin_fd = stdio.input[1],
		.stdout_fd = stdio.output[1],
		.stderr_fd = stdio.problems[1],
		.terminal_fd = process.terminal_fd,
		.client_fd = start->client_fd,
		.stdin_once = start->client_fd >= 0 && start->config->open_input,
	};
	monitor_become(&options, err);
	runtime_abandon(&process, start->plan->cgroup);
	return -1;
}

static _Noreturn void child(const struct start *start)
{
	struct error err = {0};
	/* Neither the terminal nor its signals are the monitor's. */
	setsid();
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	become_monitor(start, &err);
	struct error ignored = {0};
	write_full(start->report_fd, &err, sizeof err, &ignored);
	_exit(1);
}

/* One byte: the monitor runs. A whole error: what failed. Nothing: it died. */
static int read_report(int report_fd, struct error *err)
{
	struct error report;
	ssize_t got = read_some(report_fd, &report, sizeof report);
	if (got == 1)
		return 0;
	if (got == sizeof report) {
		report.message[sizeof report.message - 1] = '\0';
		if (err)
			*err = report;
		return -1;
	}
	return error_set(err, ERROR_SYSTEM, "the container's monitor died while it started");
}

static int fork_monitor(struct start *start, struct error *err)
{
	cleanup_close int report_read = -1;
	if (open_pipe(&report_read, &start->report_fd, err) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		close(report_read);
		child(start);
	}
	int number = errno;
	close(start->report_fd);
	if (pid < 0)
		return error_set_errno(err, number, "fork");
	if (read_report(report_read, err) < 0) {
		/* It ends by itself: reap it, so that the lock is free when we return. */
		waitpid(pid, NULL, 0);
		struct error ignored = {0};
		cgroup_destroy(start->plan->cgroup, &ignored);
		return -1;
	}
	return 0;
}

static int start_planned(struct start *start, struct launch_plan *plan, struct error *err)
{
	struct engine *engine = start->engine;
	char address[INET_ADDRSTRLEN] = "";
	if (start->network->is_bridged)
		inet_ntop(AF_INET, &start->network->endpoint.address, address, sizeof address);
	if (launch_plan_make(engine, start->record, start->config, *address ? address : NULL, plan, err) < 0)
		return -1;
	/* Known as started before the first process exists: whatever is killed from here on is found and taken down. */
	if (container_set_started(engine->store, start->record->id, time_now(), err) < 0)
		return -1;
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

int container_start(struct engine *engine, struct container_record *record, int *ret_client_fd, struct error *err)
{
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	cleanup_close int run_folder = -1;
	cleanup_close int lock = -1;
	cleanup_close int client_near = -1;
	cleanup_close int client_far = -1;
	if (container_config_from_json(record->config, &config, err) < 0 ||
	    container_state_lock(engine, record->id, &run_folder, &lock, err) < 0)
		return -1;
	if (ret_client_fd) {
		int ends[2];
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
			return error_set_errno(err, errno, "make a socket pair");
		client_near = ends[0];
		client_far = ends[1];
	}
	/* What an earlier run left, or the word of it would be taken for this one's. */
	unlinkat(run_folder, "status", 0);
	cleanup_network_plan struct network_plan network = {0};
	if (network_plan_container(engine, record->id, &config, &network, err) < 0)
		return -1;
	cleanup_launch_plan struct launch_plan plan = LAUNCH_PLAN_INIT;
	struct start start = {
		.engine = engine,
		.record = record,
		.config = &config,
		.plan = &plan,
		.network = &network,
		.run_folder = run_folder,
		.lock_fd = lock,
		.client_fd = client_far,
	};
	if (keep_chosen_ports(engine, record, &config, err) < 0 || start_planned(&start, &plan, err) < 0) {
		struct error ignored = {0};
		network_disconnect(engine, record->id, &config, &ignored);
		container_set_not_started(engine->store, record->id, &ignored);
		return -1;
	}
	if (ret_client_fd)
		*ret_client_fd = steal_fd(&client_near);
	return 0;
}
