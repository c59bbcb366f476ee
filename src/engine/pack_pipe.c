#include "engine/pack_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void run_child(int (*pack)(const void *context, const struct sink *tar, struct error *err), const void *context,
		      int pipe_fd, int report_fd)
{
	struct error problem = {0};
	const struct sink tar = sink_to_fd(&pipe_fd);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	if (pack(context, &tar, &problem) == 0)
		_exit(0);
	send(report_fd, &problem, sizeof problem, MSG_NOSIGNAL);
	_exit(1);
}

int pack_pipe_start(int (*pack)(const void *context, const struct sink *tar, struct error *err), const void *context,
		    struct pack_pipe *ret_pipe, struct error *err)
{
	int ends[2], report[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "make a pipe");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report) < 0) {
		int number = errno;
		close(ends[0]);
		close(ends[1]);
		return error_set_errno(err, number, "make a socket pair");
	}
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		close(ends[0]);
		close(report[0]);
		run_child(pack, context, ends[1], report[1]);
	}
	int number = errno;
	close(ends[1]);
	close(report[1]);
	if (child < 0) {
		close(ends[0]);
		close(report[0]);
		return error_set_errno(err, number, "fork");
	}
	*ret_pipe = (struct pack_pipe){ends[0], report[0], child};
	return 0;
}

int pack_pipe_finish(struct pack_pipe *pipe, int result, struct error *err)
{
	struct error problem = {0};
	int status = 0;
	close(pipe->fd);
	ssize_t got = recv(pipe->report_fd, &problem, sizeof problem, 0);
	while (waitpid(pipe->child, &status, 0) < 0 && errno == EINTR)
		;
	close(pipe->report_fd);
	/* EPIPE is our own giving up. */
	if (got == (ssize_t)sizeof problem && problem.system_errno != EPIPE) {
		if (err)
			*err = problem;
		return -1;
	}
	if (result == 0 && status != 0)
		return error_set(err, ERROR_SYSTEM, "the process that reads the files was killed");
	return result;
}
