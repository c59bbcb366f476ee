#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "monitor/monitor.h"

/* After so long without an event the monitor lets go of its memory. */
#define IDLE_MILLISECONDS 200
/* A container that writes much is woken less often with longer pipes. */
#define PIPE_SIZE (256 * 1024)

static int fd_of(const struct monitor *monitor, size_t watch)
{
	switch (watch) {
	case WATCH_PROCESS:
		return monitor->process_fd;
	case WATCH_SIGNAL:
		return monitor->signal_fd;
	case WATCH_LISTEN:
		return monitor->listen_fd;
	case WATCH_STDOUT:
		return monitor->stdout_fd;
	case WATCH_STDERR:
		return monitor->stderr_fd;
	case WATCH_TERMINAL:
		return monitor->terminal_fd;
	case WATCH_STDIN:
		return monitor->stdin_fd;
	case WATCH_TIMER:
		return monitor->timer_fd;
	case WATCH_PROBE:
		return monitor->probe_fd;
	case WATCH_COMPRESSION:
		return monitor->compression_fd;
	case WATCH_NAMES_UDP:
		return monitor->names_udp_fd;
	case WATCH_NAMES_TCP:
		return monitor->names_tcp_fd;
	case WATCH_RESOLVER:
		return monitor->resolver_fd;
	default:
		return monitor->clients[watch - WATCH_CLIENT].fd;
	}
}

/* What is to be waited for there now; 0: nothing, not even a hang-up, which would come again and again. */
static uint32_t events_of(const struct monitor *monitor, size_t watch, bool is_behind, bool is_waiting)
{
	switch (watch) {
	case WATCH_PROCESS:
	case WATCH_SIGNAL:
	case WATCH_LISTEN:
	case WATCH_TIMER:
	case WATCH_PROBE:
	case WATCH_COMPRESSION:
	case WATCH_RESOLVER:
		return EPOLLIN;
	case WATCH_NAMES_UDP:
	case WATCH_NAMES_TCP:
		return resolver_is_wanted(monitor) ? EPOLLIN : 0;
	case WATCH_STDOUT:
	case WATCH_STDERR:
		return is_behind ? 0 : EPOLLIN;
	case WATCH_TERMINAL:
		if (monitor->terminal_ended)
			return 0;
		return (is_behind ? 0 : EPOLLIN) | (is_waiting ? EPOLLOUT : 0);
	case WATCH_STDIN:
		return is_waiting ? EPOLLOUT : 0;
	default: {
		const struct client *client = &monitor->clients[watch - WATCH_CLIENT];
		return client->used ? EPOLLIN | (client->pending || client->window_owed ? EPOLLOUT : 0) : 0;
	}
	}
}

static int update_watches(struct monitor *monitor, struct error *err)
{
	bool is_behind = attach_is_behind(monitor);
	bool is_waiting = input_is_waiting(monitor);
	for (size_t i = 0; i < WATCH_COUNT; i++) {
		int fd = fd_of(monitor, i);
		uint32_t now = monitor->watched[i];
		if (fd < 0) {
			monitor->watched[i] = 0;
			continue;
		}
		uint32_t wanted = events_of(monitor, i, is_behind, is_waiting);
		if (wanted == now)
			continue;
		int operation = now == 0 ? EPOLL_CTL_ADD : wanted == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
		struct epoll_event event = {.events = wanted, .data.u64 = i};
		if (epoll_ctl(monitor->epoll_fd, operation, fd, &event) < 0)
			return error_set_errno(err, errno, "watch descriptor %d", fd);
		monitor->watched[i] = wanted;
	}
	return 0;
}

static int set_nonblocking(int fd)
{
	if (fd < 0)
		return 0;
	int flags = fcntl(fd, F_GETFL);
	return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void monitor_ignore_terminal_signals(void)
{
	static const int ignored[] = {SIGHUP,  SIGINT,	SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2,
				      SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU, SIGXFSZ};
	for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
		signal(ignored[i], SIG_IGN);
}

int monitor_prepare_loop(struct monitor *monitor, struct error *err)
{
	monitor_ignore_terminal_signals();
	/* An inherited "ignore" would reap the container behind our back. */
	signal(SIGCHLD, SIG_DFL);
	sigset_t passed;
	sigemptyset(&passed);
	sigaddset(&passed, SIGTERM);
	sigprocmask(SIG_SETMASK, &passed, NULL);
	monitor->signal_fd = signalfd(-1, &passed, SFD_CLOEXEC | SFD_NONBLOCK);
	monitor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (monitor->signal_fd < 0 || monitor->epoll_fd < 0)
		return error_set_errno(err, errno, "prepare the monitor's event loop");
	if (set_nonblocking(monitor->stdin_fd) < 0 || set_nonblocking(monitor->stdout_fd) < 0 ||
	    set_nonblocking(monitor->stderr_fd) < 0 || set_nonblocking(monitor->terminal_fd) < 0)
		return error_set_errno(err, errno, "prepare the container's standard streams");
	/* Only a matter of speed: over a user's limit the pipe stays as it is. */
	if (monitor->stdout_fd >= 0)
		fcntl(monitor->stdout_fd, F_SETPIPE_SZ, PIPE_SIZE);
	if (monitor->stderr_fd >= 0)
		fcntl(monitor->stderr_fd, F_SETPIPE_SZ, PIPE_SIZE);
	return update_watches(monitor, err);
}

static void pass_signal(struct monitor *monitor)
{
	struct signalfd_siginfo info;
	while (read_some(monitor->signal_fd, &info, sizeof info) == sizeof info)
		syscall(SYS_pidfd_send_signal, monitor->process_fd, (int)info.ssi_signo, NULL, 0);
}

static void dispatch(struct monitor *monitor, size_t watch, uint32_t events)
{
	/* An earlier event of the same round may have closed it. */
	if (fd_of(monitor, watch) < 0)
		return;
	switch (watch) {
	case WATCH_PROCESS:
		monitor->has_exited = true;
		break;
	case WATCH_SIGNAL:
		pass_signal(monitor);
		break;
	case WATCH_LISTEN:
		attach_accept(monitor);
		break;
	case WATCH_TERMINAL:
		if (events & EPOLLOUT)
			input_flush(monitor);
		if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
			break;
		__attribute__((fallthrough));
	case WATCH_STDOUT:
	case WATCH_STDERR:
		/* A client may have fallen behind in this very round: the bytes stay where they are. */
		if (!attach_is_behind(monitor))
			output_read_chunk(monitor, (enum watch)watch);
		break;
	case WATCH_STDIN:
		input_flush(monitor);
		break;
	case WATCH_TIMER:
		probe_start(monitor);
		break;
	case WATCH_PROBE:
		probe_end(monitor);
		break;
	case WATCH_COMPRESSION:
		compression_end(monitor);
		break;
	case WATCH_NAMES_UDP:
	case WATCH_NAMES_TCP:
		resolver_start(monitor);
		break;
	case WATCH_RESOLVER:
		resolver_end(monitor);
		break;
	default:
		attach_client_ready(monitor, &monitor->clients[watch - WATCH_CLIENT], events);
	}
}

/* Sleeps for a little while first; when that was quiet, without memory. */
static int wait_events(struct monitor *monitor, struct epoll_event *events, int count, int limit)
{
	int first = limit >= 0 && limit < IDLE_MILLISECONDS ? limit : IDLE_MILLISECONDS;
	int ready = epoll_wait(monitor->epoll_fd, events, count, first);
	if (ready != 0 || limit == first)
		return ready;
	output_trim();
	if (limit >= 0)
		return epoll_wait(monitor->epoll_fd, events, count, limit - first);
	return idle_wait(monitor->epoll_fd, events, count);
}

int monitor_loop(struct monitor *monitor, struct error *err)
{
	while (!monitor->has_exited) {
		struct epoll_event events[16];
		int limit = attach_expire(monitor);
		compression_start(monitor);
		if (update_watches(monitor, err) < 0)
			return -1;
		int ready = wait_events(monitor, events, 16, limit);
		if (ready < 0 && errno != EINTR)
			return error_set_errno(err, errno, "wait for events");
		for (int i = 0; i < ready; i++)
			dispatch(monitor, (size_t)events[i].data.u64, events[i].events);
	}
	return 0;
}
