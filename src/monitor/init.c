#include "monitor/init.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int say(const char *what, const char *why)
{
	const char *const parts[] = {"/dev/init: ", what, ": ", why, "\n"};
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		(void)!write(2, parts[i], strlen(parts[i]));
	return -1;
}

static pid_t start_command(char **command, const sigset_t *before)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	/* A session's signals from the terminal reach the command itself. */
	if (isatty(0) && setpgid(0, 0) == 0) {
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(0, getpid());
		signal(SIGTTOU, SIG_DFL);
	}
	sigprocmask(SIG_SETMASK, before, NULL);
	execvp(command[0], command);
	int code = errno == ENOENT ? 127 : 126;
	say(command[0], strerrordesc_np(errno));
	_exit(code);
}

/* Reaps all that have ended; the command's exit code once it is among them, else -1. */
static int reap(pid_t command)
{
	int code = -1;
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);
		if (pid <= 0)
			return code;
		if (pid == command)
			code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
}

int init_main(char **arguments)
{
	sigset_t all, before;
	if (!arguments[1] || strcmp(arguments[1], "--") != 0 || !arguments[2])
		return say("no command", "usage: /dev/init -- COMMAND [ARGUMENT...]"), 127;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid_t command = start_command(arguments + 2, &before);
	if (command < 0)
		return say("fork", strerrordesc_np(errno)), 126;
	for (;;) {
		int number = sigwaitinfo(&all, NULL);
		if (number < 0)
			continue;
		if (number != SIGCHLD) {
			kill(command, number);
			continue;
		}
		int code = reap(command);
		if (code >= 0)
			return code;
	}
}
