#include "engine/freeze.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/start.h"
#include "runtime/cgroup.h"

/* Before anything is frozen: what is sent to the group of the command, Ctrl-C too, is not for the guard. */
static void guard(const char *cgroup, int socket_fd)
{
	struct error problem = {0};
	char byte;
	setsid();
	/* Nothing else of the command is kept open, locks least of all. */
	dup2(socket_fd, STDIN_FILENO);
	close_range(1, ~0U, 0);
	if (cgroup_set_frozen(cgroup, true, &problem) < 0 && problem.kind == ERROR_NONE)
		problem.kind = ERROR_SYSTEM;
	if (send(STDIN_FILENO, &problem, sizeof problem, MSG_NOSIGNAL) == (ssize_t)sizeof problem)
		while (recv(STDIN_FILENO, &byte, 1, 0) < 0 && errno == EINTR)
			;
	if (problem.kind == ERROR_NONE)
		cgroup_set_frozen(cgroup, false, NULL);
	_exit(0);
}

int container_freeze_begin(const struct container_record *record, struct container_freeze *ret_freeze,
			   struct error *err)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_set_errno(err, errno, "make a socket pair");
	struct container_freeze freeze = {ends[0], -1, container_cgroup(record)};
	fflush(NULL);
	freeze.guard = fork();
	if (freeze.guard == 0) {
		close(ends[0]);
		guard(freeze.cgroup, ends[1]);
	}
	int number = errno;
	struct error problem = {0};
	close(ends[1]);
	ssize_t got = freeze.guard < 0 ? -1 : recv(ends[0], &problem, sizeof problem, 0);
	if (got == (ssize_t)sizeof problem && problem.kind == ERROR_NONE) {
		*ret_freeze = freeze;
		return 0;
	}
	if (freeze.guard < 0)
		error_set_errno(err, number, "fork");
	else if (got == (ssize_t)sizeof problem)
		*err = problem;
	else
		error_set(err, ERROR_SYSTEM, "the process that freezes the container was killed");
	container_freeze_end(&freeze);
	return -1;
}

void container_freeze_end(struct container_freeze *freeze)
{
	if (freeze->socket_fd < 0)
		return;
	int status = 0;
	close(freeze->socket_fd);
	while (freeze->guard > 0 && waitpid(freeze->guard, &status, 0) < 0 && errno == EINTR)
		;
	/* Somebody killed the guard. */
	if (status != 0)
		cgroup_set_frozen(freeze->cgroup, false, NULL);
	free(freeze->cgroup);
	*freeze = CONTAINER_FREEZE_INIT;
}
