/*
 * Runs a command and lets one of its system calls go wrong: fault MODE N COMMAND…
 *
 *     count   prints how many points the command passes: those of `kill`, then those of the other modes
 *     kill    ends every process of the command, with SIGKILL, before the Nth call that orders or makes durable
 *     enospc, eio   the Nth call that writes, makes, moves or syncs fails with that error
 *     full    the same for the Nth one and all that follow: a disk that is full from then on
 *     short   read(2) and write(2) and their kin are given half of the bytes that were asked for, each time
 *
 * A seccomp filter stops the calls of interest alone, in the command and all that it starts, so the rest runs at full
 * speed. Exits like the command; with 99 where the point was not reached; with 137 after a kill.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
#error "the registers of this machine are not known here"
#endif

enum kind { KIND_ORDER = 1, KIND_MAKE, KIND_WRITE, KIND_COPY, KIND_OPEN, KIND_READ };

static const struct {
	int number;
	enum kind kind;
} calls[] = {
	{SYS_fsync, KIND_ORDER},     {SYS_fdatasync, KIND_ORDER},      {SYS_syncfs, KIND_ORDER},
	{SYS_rename, KIND_ORDER},    {SYS_renameat, KIND_ORDER},       {SYS_renameat2, KIND_ORDER},
	{SYS_link, KIND_ORDER},	     {SYS_linkat, KIND_ORDER},	       {SYS_unlink, KIND_ORDER},
	{SYS_unlinkat, KIND_ORDER},  {SYS_mkdir, KIND_ORDER},	       {SYS_mkdirat, KIND_ORDER},
	{SYS_rmdir, KIND_ORDER},     {SYS_symlinkat, KIND_MAKE},       {SYS_mknodat, KIND_MAKE},
	{SYS_write, KIND_WRITE},     {SYS_writev, KIND_WRITE},	       {SYS_pwrite64, KIND_WRITE},
	{SYS_ftruncate, KIND_WRITE}, {SYS_fallocate, KIND_WRITE},      {SYS_fsetxattr, KIND_WRITE},
	{SYS_sendfile, KIND_WRITE},  {SYS_copy_file_range, KIND_COPY}, {SYS_openat, KIND_OPEN},
	{SYS_read, KIND_READ},	     {SYS_pread64, KIND_READ},
};
#define CALL_COUNT (sizeof calls / sizeof calls[0])

static const char *mode;
static long wanted, orders, changes;

static void die(const char *what)
{
	perror(what);
	exit(98);
}

static void filter_install(void)
{
	struct sock_filter code[2 * CALL_COUNT + 2];
	size_t length = 0;
	code[length++] =
		(struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < CALL_COUNT; i++) {
		if (calls[i].kind == KIND_READ && strcmp(mode, "short") != 0)
			continue;
		code[length++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].number, 0, 1);
		code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | calls[i].kind);
	}
	code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {(unsigned short)length, code};
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		die("seccomp");
}

static bool is_error_mode(void)
{
	return strcmp(mode, "enospc") == 0 || strcmp(mode, "eio") == 0 || strcmp(mode, "full") == 0;
}

/* A pipe, a socket, a terminal or the kernel's own files need no room on a disk. */
static bool is_on_disk(pid_t pid, unsigned long long fd)
{
	static const char *const elsewhere[] = {"/proc/", "/sys/", "/dev/", "/memfd:"};
	char link[64], path[16];
	snprintf(link, sizeof link, "/proc/%d/fd/%llu", (int)pid, fd);
	ssize_t length = readlink(link, path, sizeof path);
	if (length <= 0 || path[0] != '/')
		return false;
	for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
		if ((size_t)length >= strlen(elsewhere[i]) && memcmp(path, elsewhere[i], strlen(elsewhere[i])) == 0)
			return false;
	return true;
}

/* A call is about to be made. */
static void on_call(pid_t pid, enum kind kind)
{
	struct user_regs_struct registers;
	if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) < 0)
		return; /* it has been killed meanwhile */
	if (strcmp(mode, "short") == 0) {
		long number = (long)registers.orig_rax;
		bool moves =
			number == SYS_read || number == SYS_write || number == SYS_pread64 || number == SYS_pwrite64;
		if (moves && registers.rdx > 64) {
			registers.rdx /= 2;
			ptrace(PTRACE_SETREGS, pid, NULL, &registers);
		}
		return;
	}
	/* openat() that makes nothing needs no room; standard output and error are the harness's file. */
	if (kind == KIND_OPEN && !(registers.rdx & O_CREAT))
		return;
	if (kind == KIND_WRITE && (registers.rdi <= 2 || !is_on_disk(pid, registers.rdi)))
		return;
	if (kind == KIND_COPY && !is_on_disk(pid, registers.rdx))
		return;
	changes++;
	if (kind == KIND_ORDER)
		orders++;
	if (strcmp(mode, "kill") == 0 && kind == KIND_ORDER && orders == wanted)
		exit(137); /* PTRACE_O_EXITKILL ends them all */
	if (!is_error_mode() || changes < wanted || (changes > wanted && strcmp(mode, "full") != 0))
		return;
	long number = (long)registers.orig_rax;
	if (strcmp(mode, "full") == 0 && (number == SYS_unlinkat || number == SYS_unlink || number == SYS_rmdir))
		return; /* what frees room works on a full disk */
	registers.orig_rax = (unsigned long long)-1;
	registers.rax = (unsigned long long)(strcmp(mode, "eio") == 0 ? -EIO : -ENOSPC);
	ptrace(PTRACE_SETREGS, pid, NULL, &registers);
}

static int follow(pid_t command)
{
	int status, code = 98;
	for (;;) {
		pid_t pid = waitpid(-1, &status, __WALL);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return code;
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (pid != command)
				continue;
			code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			return code;
		}
		int signal = WSTOPSIG(status), event = status >> 16;
		unsigned long kind = 0;
		if (event == PTRACE_EVENT_SECCOMP && ptrace(PTRACE_GETEVENTMSG, pid, NULL, &kind) == 0)
			on_call(pid, (enum kind)kind);
		if (event == PTRACE_EVENT_STOP && (signal == SIGSTOP || signal == SIGTSTP))
			ptrace(PTRACE_LISTEN, pid, NULL, NULL);
		else
			ptrace(PTRACE_CONT, pid, NULL, event ? 0L : (long)signal);
	}
}

int main(int argument_count, char **arguments)
{
	if (argument_count < 4)
		return 98;
	mode = arguments[1];
	wanted = strtol(arguments[2], NULL, 10);
	int gate[2];
	if (pipe2(gate, O_CLOEXEC) < 0)
		die("pipe");
	pid_t command = fork();
	if (command < 0)
		die("fork");
	if (command == 0) {
		char byte;
		if (read(gate[0], &byte, 1) != 1)
			_exit(98);
		filter_install();
		execvp(arguments[3], arguments + 3);
		die(arguments[3]);
	}
	long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		       PTRACE_O_TRACECLONE;
	if (ptrace(PTRACE_SEIZE, command, NULL, options) < 0)
		die("ptrace");
	if (write(gate[1], "", 1) != 1)
		die("write");
	int code = follow(command);
	if (strcmp(mode, "count") == 0)
		fprintf(stderr, "%ld %ld\n", orders, changes);
	else if (strcmp(mode, "short") != 0 && (strcmp(mode, "kill") == 0 ? orders : changes) < wanted)
		return 99;
	return code;
}
