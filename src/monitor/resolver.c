/*
 * The container's resolver (network/resolver.c): started when a question has come, and again at the next question after
 * it has died, so that nothing runs for a container that asks nothing. The sockets are ours and passed on.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/signals.h"
#include "monitor/monitor.h"

#define SHORT_LENGTH  12
#define SERVER_LIMIT  3
#define NUMBER_SIZE   24
#define ADDRESS_SIZE  64
#define SHORTEST_LIFE NANOSECONDS_PER_SECOND

/* "A,B" into words; what is too long for an address is none. */
static size_t split_servers(const char *text, char words[SERVER_LIMIT][ADDRESS_SIZE])
{
	size_t count = 0;
	while (text && *text && count < SERVER_LIMIT) {
		size_t length = strcspn(text, ",");
		if (length > 0 && length < ADDRESS_SIZE) {
			memcpy(words[count], text, length);
			words[count++][length] = '\0';
		}
		text += length + (text[length] == ',');
	}
	return count;
}

static _Noreturn void become_resolver(const struct monitor *monitor, bool is_early)
{
	char numbers[3][NUMBER_SIZE] = {0}, id[SHORT_LENGTH + 1] = "", servers[SERVER_LIMIT][ADDRESS_SIZE];
	const int fds[] = {monitor->names_udp_fd, monitor->names_tcp_fd, monitor->names_folder_fd};
	const char *arguments[5 + SERVER_LIMIT + 1] = {monitor->resolver, id, numbers[0], numbers[1], numbers[2]};
	/* One that dies of every question is not started more often than once a second. */
	if (is_early)
		nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
	strncpy(id, monitor->id, SHORT_LENGTH);
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	for (size_t i = 0; i < 3; i++) {
		text_add_number(numbers[i], NUMBER_SIZE - 1, 0, (uint64_t)fds[i]);
		fcntl(fds[i], F_SETFD, 0);
	}
	size_t count = split_servers(monitor->servers, servers);
	for (size_t i = 0; i < count; i++)
		arguments[5 + i] = servers[i];
	signals_reset();
	static char *const no_environment[] = {NULL};
	execve(monitor->resolver, (char *const *)arguments, no_environment);
	_exit(1);
}

bool resolver_is_wanted(const struct monitor *monitor)
{
	return monitor->resolver && monitor->names_folder_fd >= 0 && monitor->resolver_fd < 0;
}

void resolver_start(struct monitor *monitor)
{
	if (!resolver_is_wanted(monitor))
		return;
	nanoseconds now = time_monotonic();
	bool is_early = monitor->resolver_started && now - monitor->resolver_started < SHORTEST_LIFE;
	pid_t pid = fork();
	if (pid == 0)
		become_resolver(monitor, is_early);
	if (pid < 0)
		return;
	monitor->resolver_started = now;
	monitor->resolver_pid = pid;
	monitor->resolver_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* Without a descriptor its end would not be seen. */
	if (monitor->resolver_fd < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

void resolver_end(struct monitor *monitor)
{
	while (waitpid(monitor->resolver_pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(monitor->resolver_fd);
	monitor->resolver_fd = -1;
	monitor->watched[WATCH_RESOLVER] = 0;
}

void resolver_stop(struct monitor *monitor)
{
	if (monitor->resolver_fd < 0)
		return;
	kill(monitor->resolver_pid, SIGKILL);
	resolver_end(monitor);
}
