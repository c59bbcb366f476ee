#include "engine/health_probe.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "engine/exec.h"
#include "monitor/protocol.h"
#include "monitor/status.h"

#define KILL_WAIT (5 * NANOSECONDS_PER_SECOND)
#define ROUNDS	  8

struct probe {
	int client_fd;
	char exec_id[EXEC_ID_SIZE];
	struct buffer output;
	bool is_cut, has_exit;
	int exit_code;
};

static void probe_release(struct probe *probe)
{
	cleanup_close_function(&probe->client_fd);
	buffer_release(&probe->output);
}

void probe_result_release(struct probe_result *result)
{
	free(result->output);
}

static int make_arguments(const struct container_config *config, struct string_list *arguments, struct error *err)
{
	cleanup_string_list struct string_list test = {0};
	if (json_get_strings(config->healthcheck, "Test", &test, err) < 0)
		return -1;
	if (strcmp(test.items[0], "CMD-SHELL") == 0) {
		string_list_copy(arguments, &config->shell);
		if (arguments->count == 0) {
			string_list_add(arguments, "/bin/sh");
			string_list_add(arguments, "-c");
		}
	} else if (strcmp(test.items[0], "CMD") != 0) {
		return error_set(err, ERROR_INVALID, "Unknown healthcheck type '%s' (expected 'CMD')", test.items[0]);
	}
	for (size_t i = 1; i < test.count; i++)
		string_list_add(arguments, test.items[i]);
	return 0;
}

static void keep_output(struct probe *probe, const char *bytes, size_t size)
{
	struct error ignored = {0};
	size_t room = PROBE_OUTPUT_LIMIT - probe->output.size;
	if (size > room) {
		size = room;
		probe->is_cut = true;
	}
	if (size > 0)
		buffer_append(&probe->output, bytes, size, &ignored);
}

/* 1: there is more to come; 0: the connection has ended, or `deadline` has come. */
static int take_frame(struct probe *probe, nanoseconds deadline, struct error *err)
{
	char frame[1 + FRAME_LIMIT];
	nanoseconds left = deadline - time_monotonic();
	struct pollfd wanted = {.fd = probe->client_fd, .events = POLLIN};
	struct timespec limit = {.tv_sec = left / NANOSECONDS_PER_SECOND, .tv_nsec = left % NANOSECONDS_PER_SECOND};
	if (left <= 0)
		return 0;
	int ready = ppoll(&wanted, 1, &limit, NULL);
	if (ready < 0 && errno != EINTR)
		return error_set_errno(err, errno, "wait for the health check");
	if (ready <= 0)
		return ready < 0;
	ssize_t got = read_some(probe->client_fd, frame, sizeof frame);
	if (got <= 0)
		return 0;
	if (frame[0] == FRAME_STDOUT || frame[0] == FRAME_STDERR)
		keep_output(probe, frame + 1, (size_t)got - 1);
	if (frame[0] == FRAME_EXIT && got == 2) {
		probe->has_exit = true;
		probe->exit_code = (unsigned char)frame[1];
	}
	return 1;
}

/* The session of a process, from the sixth field of its stat; -1 where it is gone. */
static pid_t session_of(int proc_fd, const char *pid)
{
	cleanup_free char *path = format_string("%s/stat", pid);
	cleanup_buffer struct buffer text = BUFFER_INIT(4096);
	struct error ignored = {0};
	if (read_file_at(proc_fd, path, 4096, &text, &ignored) < 0)
		return -1;
	/* Behind the name, which may hold anything: state, parent, group, session. */
	const char *at = strrchr(buffer_text(&text), ')');
	if (!at || strlen(at) < strlen(") S 0"))
		return -1;
	char *field = (char *)at + strlen(") S");
	strtol(field, &field, 10);
	strtol(field, &field, 10);
	return (pid_t)strtol(field, &field, 10);
}

/* Whether there was any. Each is pinned before it is asked a second time whose it is. */
static bool kill_session_once(pid_t session)
{
	bool any = false;
	cleanup_directory DIR *proc = opendir("/proc");
	for (struct dirent *entry; proc && (entry = readdir(proc));) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    session_of(dirfd(proc), entry->d_name) != session)
			continue;
		cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)strtol(entry->d_name, NULL, 10), 0);
		if (pidfd >= 0 && session_of(dirfd(proc), entry->d_name) == session &&
		    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0)
			any = true;
	}
	return any;
}

/* The check leads a session of its own: what it has started goes with it. */
static int kill_probe(struct probe *probe, int run_folder_fd, struct error *err)
{
	struct monitor_status status;
	cleanup_free char *name = format_string("exec-%s", probe->exec_id);
	struct error gone = {0};
	cleanup_close int folder = open_folder_at(run_folder_fd, name, false, 0, &gone);
	if (folder < 0)
		return 0;
	if (monitor_status_read(folder, &status, err) < 0)
		return -1;
	if (status.state == MONITOR_RUNNING)
		for (int round = 0; round < ROUNDS && kill_session_once(status.pid); round++)
			;
	nanoseconds deadline = time_monotonic() + KILL_WAIT;
	int more;
	do
		more = take_frame(probe, deadline, err);
	while (more > 0);
	return more;
}

static char *output_text(const struct probe *probe)
{
	return format_string("%s%s", buffer_text(&probe->output), probe->is_cut ? "..." : "");
}

static int watch(struct probe *probe, int run_folder_fd, nanoseconds timeout, struct probe_result *result,
		 struct error *err)
{
	nanoseconds deadline = time_monotonic() + timeout;
	int more;
	do
		more = take_frame(probe, deadline, err);
	while (more > 0);
	if (more < 0)
		return -1;
	/* The exit code comes first, the connection's end when all is done. */
	if (probe->has_exit || time_monotonic() < deadline) {
		result->exit_code = probe->has_exit ? probe->exit_code : -1;
		result->output = output_text(probe);
		return 0;
	}
	if (kill_probe(probe, run_folder_fd, err) < 0)
		return -1;
	char span[DURATION_TEXT_SIZE];
	time_format_duration(timeout, span);
	cleanup_free char *output = output_text(probe);
	result->exit_code = -1;
	result->output = format_string("Health check exceeded timeout (%s)%s%s", span, *output ? ": " : "", output);
	return 0;
}

int probe_run(struct engine *engine, const char *id, int run_folder_fd, const struct container_config *config,
	      nanoseconds timeout, struct probe_result *ret_result, struct error *err)
{
	CLEANUP(probe_release)
	struct probe probe = {.client_fd = -1, .output = BUFFER_INIT(PROBE_OUTPUT_LIMIT)};
	cleanup_string_list struct string_list arguments = {0};
	struct probe_result result = {.start = time_now(), .exit_code = -1};
	struct error problem = {0};
	if (make_arguments(config, &arguments, &problem) < 0) {
		result.output = duplicate_string(problem.message);
	} else {
		const struct exec_options options = {.arguments = arguments.items, .id = probe.exec_id};
		if (container_exec(engine, id, &options, &probe.client_fd, &problem) < 0)
			result.output = duplicate_string(problem.message);
		else if (watch(&probe, run_folder_fd, timeout, &result, err) < 0)
			return -1;
		if (probe.has_exit)
			container_exec_ended(engine, id, probe.exec_id, probe.exit_code);
	}
	result.end = time_now();
	*ret_result = result;
	return 0;
}
