/* coracle-monitor: parent of one container's first process, from its start to its end. See protocol.h and monitor.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "monitor/init.h"
#include "monitor/lock.h"
#include "monitor/monitor.h"

static int take_standard_fds(struct error *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return error_set_errno(err, errno, "open /dev/null");
	for (int fd = 0; fd < 3; fd++)
		if (null != fd && dup2(null, fd) < 0)
			return error_set_errno(err, errno, "put /dev/null on descriptor %d", fd);
	if (null > 2)
		close(null);
	return 0;
}

static int prepare(struct monitor *monitor, struct error *err)
{
	monitor->process_fd = (int)syscall(SYS_pidfd_open, monitor->pid, 0);
	if (monitor->process_fd < 0)
		return error_set_errno(err, errno, "open the container's first process, %d", (int)monitor->pid);
	if (take_standard_fds(err) < 0)
		return -1;
	if (chdir("/") < 0)
		return error_set_errno(err, errno, "change to /");
	if (log_sink_prepare(monitor, err) < 0 || attach_listen(monitor, err) < 0 || probe_prepare(monitor, err) < 0 ||
	    monitor_prepare_loop(monitor, err) < 0)
		return -1;
	if (monitor->client_fd >= 0)
		attach_add(monitor, monitor->client_fd, true);
	if (lock_write_text(monitor->lock_fd, LOCK_MONITOR, NULL) < 0)
		return error_set_errno(err, errno, "write the container's lock file");
	if (status_write_running(monitor->run_folder_fd, monitor->pid, time_now()) < 0)
		return error_set_errno(err, errno, "write the container's status");
	return 0;
}

static void report(struct monitor *monitor, const void *bytes, size_t size)
{
	struct error ignored;
	if (monitor->ready_fd < 0)
		return;
	write_full(monitor->ready_fd, bytes, size, &ignored);
	close(monitor->ready_fd);
	monitor->ready_fd = -1;
}

/* A container without a monitor must not be. */
static int give_up(struct monitor *monitor, const struct error *err)
{
	if (monitor->pid > 0) {
		kill(monitor->pid, SIGKILL);
		while (waitpid(monitor->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	report(monitor, err, sizeof *err);
	return 1;
}

int main(int count, char **arguments)
{
	static struct monitor monitor;
	static struct error err;
	if (count > 0 && strcmp(arguments[0], "/dev/init") == 0)
		return init_main(arguments);
	signal(SIGPIPE, SIG_IGN);
	monitor.epoll_fd = monitor.process_fd = monitor.signal_fd = monitor.listen_fd = -1;
	monitor.timer_fd = monitor.probe_fd = monitor.compression_fd = monitor.resolver_fd = -1;
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		monitor.clients[i].fd = -1;
	if (monitor_parse_arguments(&monitor, arguments, &err) < 0) {
		/* Somebody runs it by hand; what it was given is not believed, so nothing is killed. */
		struct error ignored;
		write_full(2, err.message, strlen(err.message), &ignored);
		write_full(2, "\n", 1, &ignored);
		return 2;
	}
	if (monitor.wait >= 0)
		return take_standard_fds(&err) < 0 ? 1 : waiter_main(&monitor);
	if (prepare(&monitor, &err) < 0)
		return give_up(&monitor, &err);
	report(&monitor, "", 1);
	/* The loop fails only where the kernel is out of memory: the container is ended rather than left alone. */
	if (monitor_loop(&monitor, &err) < 0)
		kill(monitor.pid, SIGKILL);
	monitor_finish(&monitor);
}
