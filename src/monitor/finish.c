/*
 * The end. The order matters to those who watch:
 *     the rest of the output is in the log  →  `status` and the lock's text say "exited"  →  attach.sock goes, clients
 *     get FRAME_EXIT  →  the process is reaped  →  execve of the cleanup, with the lock and the clients' connections.
 * Until `status` says that it is over, the pid is not given out again, since a zombie holds it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/signals.h"
#include "monitor/lock.h"
#include "monitor/monitor.h"

/*
 * What is in the pipes, to their end or until there is nothing now. The processes of a PID namespace are all dead by
 * now, and their ends closed; a descriptor that went elsewhere must not keep the container alive.
 */
static void drain(struct monitor *monitor)
{
	static const enum watch sources[] = {WATCH_STDOUT, WATCH_STDERR, WATCH_TERMINAL};
	const int fds[] = {monitor->stdout_fd, monitor->stderr_fd, monitor->terminal_ended ? -1 : monitor->terminal_fd};
	/* Somebody else who goes on writing there cannot hold us for ever either: a pipe has 1 MiB at most. */
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		for (int chunks = 0; fds[i] >= 0 && chunks < 4096; chunks++)
			if (output_read_chunk(monitor, sources[i]) != OUTPUT_SOME)
				break;
}

static int read_exit_code(const struct monitor *monitor)
{
	siginfo_t info = {0};
	while (waitid(P_PID, (id_t)monitor->pid, &info, WEXITED | WNOWAIT) < 0)
		if (errno != EINTR)
			return 128 + SIGKILL;
	return info.si_code == CLD_EXITED ? info.si_status & 0xff : 128 + info.si_status;
}

/* Whether the kernel has killed one of the container's processes for want of memory: Docker's OOMKilled. */
static bool was_out_of_memory(const struct monitor *monitor)
{
	char text[1024] = {0};
	if (monitor->memory_events_fd < 0 || pread(monitor->memory_events_fd, text, sizeof text - 1, 0) <= 0)
		return false;
	const char *line = strstr(text, "oom_kill ");
	return line && line[sizeof "oom_kill " - 1] != '0';
}

/* Everything but the lock and the clients goes with the exec. */
static void choose_inherited(const struct monitor *monitor)
{
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	fcntl(monitor->lock_fd, F_SETFD, 0);
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		if (monitor->clients[i].used && monitor->clients[i].fd >= 0)
			fcntl(monitor->clients[i].fd, F_SETFD, 0);
}

static _Noreturn void become_cleanup(const struct monitor *monitor)
{
	char lock[24] = {0};
	text_add_number(lock, sizeof lock - 1, 0, (uint64_t)monitor->lock_fd);
	choose_inherited(monitor);
	signals_reset();
	const char *arguments[] = {monitor->engine, "--root",  monitor->root, "--run-root", monitor->run_root,
				   "container",	    "cleanup", monitor->id,   lock,	    NULL};
	execve(monitor->engine, (char *const *)arguments, environ);
	/* The lock goes with us, and the next command that meets the container cleans up. */
	_exit(1);
}

/* RUN_ROOT/containers/<container>/exec-<id>. Clients see the end once nothing is left of it. */
static _Noreturn void end_exec(const struct monitor *monitor)
{
	static const char *const files[] = {"status", "attach.sock", "lock"};
	char name[96] = "exec-";
	text_add(name, sizeof name - 1, 5, monitor->id);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		unlinkat(monitor->run_folder_fd, files[i], 0);
	int container = openat(monitor->run_folder_fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (container >= 0)
		unlinkat(container, name, AT_REMOVEDIR);
	_exit(0);
}

_Noreturn void monitor_finish(struct monitor *monitor)
{
	/* Its sockets would keep the network namespace, and the interfaces in it. */
	resolver_stop(monitor);
	struct exit_text end = {
		.code = read_exit_code(monitor), .finished = time_now(), .out_of_memory = was_out_of_memory(monitor)};
	drain(monitor);
	log_sink_finish(monitor);
	/* Nothing of ours is in the folder of a container that is removed. */
	compression_end(monitor);
	/* Where the file cannot be written, the lock's text, which needs no new space, still has the last word. */
	status_write_exited(monitor->run_folder_fd, &end);
	lock_write_text(monitor->lock_fd, LOCK_MONITOR, &end);
	attach_finish(monitor, end.code);
	while (waitpid(monitor->pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (monitor->is_exec)
		end_exec(monitor);
	become_cleanup(monitor);
}
