/*
 * Theory of operation. The listener forks a process for each connection, and that one asks and answers in turn: the
 * protocol has no answer without a question. All of them die with the build.
 */
#include "build/ssh_proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

#define MESSAGE_LIMIT	 ((size_t)256 * 1024) /* OpenSSH's */
#define HEADER_SIZE	 4
#define CONNECTION_LIMIT 16 /* at once; the next ones wait */
#define LISTENER_FD	 3

enum { AGENT_FAILURE = 5, AGENT_REQUEST_IDENTITIES = 11, AGENT_SIGN_REQUEST = 13 };

/* A whole message with its length in front; false at the end, or where it is none. */
static bool read_message(int fd, unsigned char *bytes, size_t *ret_size)
{
	if (read_full(fd, bytes, HEADER_SIZE, NULL) < 0)
		return false;
	size_t size = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
	if (size == 0 || size > MESSAGE_LIMIT || read_full(fd, bytes + HEADER_SIZE, size, NULL) < 0)
		return false;
	*ret_size = size + HEADER_SIZE;
	return true;
}

void ssh_proxy_serve(int client_fd, int agent_fd)
{
	static const unsigned char refusal[] = {0, 0, 0, 1, AGENT_FAILURE};
	unsigned char *bytes = allocate(HEADER_SIZE + MESSAGE_LIMIT);
	size_t size;
	while (read_message(client_fd, bytes, &size)) {
		unsigned char kind = bytes[HEADER_SIZE];
		if (kind != AGENT_REQUEST_IDENTITIES && kind != AGENT_SIGN_REQUEST) {
			if (write_full(client_fd, refusal, sizeof refusal, NULL) < 0)
				break;
			continue;
		}
		if (write_full(agent_fd, bytes, size, NULL) < 0 || !read_message(agent_fd, bytes, &size) ||
		    write_full(client_fd, bytes, size, NULL) < 0)
			break;
	}
	free(bytes);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(address.sun_path, path, strlen(path) + 1); /* checked by ssh_proxy_start */
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return -1;
	return steal_fd(&fd);
}

static _Noreturn void serve_all(const char *agent_path)
{
	unsigned running = 0;
	for (;;) {
		while (running > 0 && waitpid(-1, NULL, running < CONNECTION_LIMIT ? WNOHANG : 0) > 0)
			running--;
		int client = accept4(LISTENER_FD, NULL, NULL, SOCK_CLOEXEC);
		if (client < 0)
			continue;
		pid_t pid = fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			int agent = connect_to(agent_path);
			if (agent >= 0)
				ssh_proxy_serve(client, agent);
			_exit(0);
		}
		running += pid > 0;
		close(client);
	}
}

int ssh_proxy_start(int listener_fd, const char *agent_path, pid_t *ret_pid, struct error *err)
{
	if (strlen(agent_path) >= sizeof(struct sockaddr_un){0}.sun_path)
		return error_set(err, ERROR_INVALID, "the path of the SSH agent's socket is too long: %s", agent_path);
	pid_t parent = getpid(), pid = fork();
	if (pid < 0)
		return error_set_errno(err, errno, "fork");
	if (pid > 0) {
		*ret_pid = pid;
		return 0;
	}
	sigset_t none;
	sigemptyset(&none);
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || (listener_fd != LISTENER_FD && dup2(listener_fd, LISTENER_FD) < 0))
		_exit(1);
	syscall(SYS_close_range, LISTENER_FD + 1, ~0U, 0);
	serve_all(agent_path);
}
