#include "place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

#define ANSWER_TIMEOUT_MS 400
#define MAX_ARGUMENTS	  16

static void die(const char *what)
{
	perror(what);
	abort();
}

const char *place_enter_host(void)
{
	if (geteuid() != 0)
		return "needs root for network namespaces";
	if (access("/usr/sbin/ip", X_OK) < 0 || access("/usr/sbin/nft", X_OK) < 0)
		return "needs ip (iproute2) and nft (nftables)";
	if (unshare(CLONE_NEWNET) < 0)
		return "unshare(CLONE_NEWNET) is not allowed here";
	return NULL;
}

static void enter(const struct place *place)
{
	char path[64];
	if (place->pid == 0)
		return;
	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)place->pid);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		die(path);
}

static pid_t fork_bound(void)
{
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static _Noreturn void hold_namespace(const struct endpoint *endpoint, int go_fd, int done_fd)
{
	char byte = 1;
	if (unshare(CLONE_NEWNET) < 0 || write(done_fd, &byte, 1) != 1)
		_exit(1);
	if (read(go_fd, &byte, 1) == 0) {
		struct error err = {0};
		struct endpoints endpoints = {.items = endpoint, .count = endpoint ? 1 : 0};
		if (endpoint_configure_inside(&endpoints, &err) == 0)
			err.kind = ERROR_NONE;
		if (write(done_fd, &err, sizeof err) != sizeof err)
			_exit(1);
	}
	for (;;)
		pause();
}

void place_make(struct place *place, const struct endpoint *endpoint)
{
	int go[2];
	int done[2];
	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(done, O_CLOEXEC) < 0)
		die("pipe");
	pid_t pid = fork_bound();
	if (pid == 0) {
		close(go[1]);
		hold_namespace(endpoint, go[0], done[1]);
	}
	close(go[0]);
	close(done[1]);
	char byte;
	if (read(done[0], &byte, 1) != 1)
		die("make namespace");
	*place = (struct place){.pid = pid, .go_fd = go[1], .done_fd = done[0]};
}

bool place_configure(struct place *place, struct error *err)
{
	close(place->go_fd);
	place->go_fd = -1;
	if (read(place->done_fd, err, sizeof *err) != sizeof *err)
		die("configure namespace");
	return err->kind == ERROR_NONE;
}

void place_end(struct place *place)
{
	if (place->pid <= 0)
		return;
	kill(place->pid, SIGKILL);
	waitpid(place->pid, NULL, 0);
	if (place->go_fd >= 0)
		close(place->go_fd);
	close(place->done_fd);
	*place = (struct place){0};
}

int place_run(const struct place *place, place_function *function, void *context)
{
	pid_t pid = fork_bound();
	if (pid == 0) {
		enter(place);
		_exit(function(context));
	}
	int status;
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int execute(void *context)
{
	char **arguments = context;
	execvp(arguments[0], arguments);
	return 127;
}

bool place_execute(const struct place *place, const char *program, ...)
{
	char *arguments[MAX_ARGUMENTS + 1] = {(char *)program};
	va_list list;
	va_start(list, program);
	for (int i = 1; i < MAX_ARGUMENTS; i++) {
		arguments[i] = va_arg(list, char *);
		if (!arguments[i])
			break;
	}
	va_end(list);
	return place_run(place, execute, arguments) == 0;
}

static int set_setting(void *context)
{
	const char **pair = context;
	cleanup_close int fd = open(pair[0], O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, pair[1], strlen(pair[1])) < 0;
}

bool place_set(const struct place *place, const char *path, const char *value)
{
	const char *pair[] = {path, value};
	return place_run(place, set_setting, pair) == 0;
}

static struct sockaddr_in socket_address(const char *address, uint16_t port)
{
	struct sockaddr_in result = {.sin_family = AF_INET, .sin_port = htons(port)};
	inet_pton(AF_INET, address, &result.sin_addr);
	return result;
}

static _Noreturn void serve(int fd, bool is_udp)
{
	for (;;) {
		struct sockaddr_in peer;
		socklen_t size = sizeof peer;
		char text[ANSWER_SIZE];
		if (is_udp) {
			if (recvfrom(fd, text, sizeof text, 0, (struct sockaddr *)&peer, &size) < 0)
				_exit(1);
			inet_ntop(AF_INET, &peer.sin_addr, text, sizeof text);
			sendto(fd, text, strlen(text), 0, (struct sockaddr *)&peer, size);
			continue;
		}
		int connection = accept4(fd, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC);
		if (connection < 0)
			_exit(1);
		inet_ntop(AF_INET, &peer.sin_addr, text, sizeof text);
		send(connection, text, strlen(text), MSG_NOSIGNAL);
		close(connection);
	}
}

pid_t place_serve(const struct place *place, bool is_udp, uint16_t port)
{
	int ready[2];
	if (pipe2(ready, O_CLOEXEC) < 0)
		die("pipe");
	pid_t pid = fork_bound();
	if (pid == 0) {
		enter(place);
		int fd = socket(AF_INET, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
		int on = 1;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		struct sockaddr_in address = socket_address("0.0.0.0", port);
		if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || (!is_udp && listen(fd, 64) < 0))
			die("serve");
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		serve(fd, is_udp);
	}
	close(ready[1]);
	char byte;
	if (read(ready[0], &byte, 1) != 1)
		die("serve");
	close(ready[0]);
	return pid;
}

struct question {
	bool is_udp;
	const char *source;
	const char *address;
	uint16_t port;
	char *answer; /* shared memory */
};

static int ask(void *context)
{
	struct question *question = context;
	cleanup_close int fd =
		socket(AF_INET, (question->is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (question->source) {
		struct sockaddr_in source = socket_address(question->source, 0);
		if (bind(fd, (struct sockaddr *)&source, sizeof source) < 0)
			return 2;
	}
	struct sockaddr_in address = socket_address(question->address, question->port);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
		return 1;
	if (question->is_udp && send(fd, "?", 1, 0) != 1)
		return 1;
	struct pollfd event = {.fd = fd, .events = POLLIN};
	if (poll(&event, 1, ANSWER_TIMEOUT_MS) != 1)
		return 1;
	return recv(fd, question->answer, ANSWER_SIZE - 1, 0) > 0 ? 0 : 1;
}

bool place_ask_from(const struct place *place, bool is_udp, const char *source, const char *address, uint16_t port,
		    char answer[ANSWER_SIZE])
{
	char *shared = mmap(NULL, ANSWER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	struct question question = {is_udp, source, address, port, shared};
	bool answered = place_run(place, ask, &question) == 0;
	memcpy(answer, shared, ANSWER_SIZE);
	munmap(shared, ANSWER_SIZE);
	return answered;
}

bool place_ask(const struct place *place, bool is_udp, const char *address, uint16_t port, char answer[ANSWER_SIZE])
{
	return place_ask_from(place, is_udp, NULL, address, port, answer);
}
