/*
 * All programs of the tests' image in one static file, chosen by the name that it is called by: "/bin/cat FILE", or
 * "probe cat FILE". What each does stands in front of it. A failure prints "NAME: WHAT: REASON" and ends with 1.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int fail(const char *name, const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", name, what, strerror(errno));
	return 1;
}

static int run_true(int count, char **words)
{
	return 0;
}

static int run_false(int count, char **words)
{
	return 1;
}

/* exit CODE */
static int run_exit(int count, char **words)
{
	return count > 1 ? (int)strtol(words[1], NULL, 10) : 0;
}

/* env: the environment as it came, a line a variable */
static int run_env(int count, char **words)
{
	for (char **item = environ; *item; item++)
		puts(*item);
	return 0;
}

static int run_pwd(int count, char **words)
{
	char path[4096];
	if (!getcwd(path, sizeof path))
		return fail("pwd", ".");
	puts(path);
	return 0;
}

/* id: "uid=0 gid=0 groups=0,1" */
static int run_id(int count, char **words)
{
	gid_t groups[64];
	int number = getgroups(64, groups);
	printf("uid=%u gid=%u groups=", getuid(), getgid());
	for (int i = 0; i < number; i++)
		printf("%s%u", i ? "," : "", groups[i]);
	puts("");
	return 0;
}

static int run_hostname(int count, char **words)
{
	char name[256];
	if (gethostname(name, sizeof name) < 0)
		return fail("hostname", "read");
	puts(name);
	return 0;
}

static int copy_out(const char *name)
{
	char bytes[65536];
	ssize_t got;
	int fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY);
	if (fd < 0)
		return fail("cat", name);
	while ((got = read(fd, bytes, sizeof bytes)) > 0) {
		for (ssize_t sent = 0, some; sent < got; sent += some)
			if ((some = write(STDOUT_FILENO, bytes + sent, (size_t)(got - sent))) < 0)
				return fail("cat", "standard output");
	}
	return got < 0 ? fail("cat", name) : 0;
}

/* cat [FILE…] */
static int run_cat(int count, char **words)
{
	if (count < 2)
		return copy_out("-");
	int result = 0;
	for (int i = 1; i < count; i++)
		result |= copy_out(words[i]);
	return result;
}

/* write FILE TEXT: the file is made anew and gets the line */
static int run_write(int count, char **words)
{
	int fd = open(words[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0)
		return fail("write", words[1]);
	if (dprintf(fd, "%s\n", count > 2 ? words[2] : "") < 0)
		return fail("write", words[1]);
	return 0;
}

/* stat FILE…: "MODE UID:GID SIZE NAME" */
static int run_stat(int count, char **words)
{
	for (int i = 1; i < count; i++) {
		struct stat status;
		if (lstat(words[i], &status) < 0)
			return fail("stat", words[i]);
		printf("%o %u:%u %lld %s\n", status.st_mode, status.st_uid, status.st_gid, (long long)status.st_size,
		       words[i]);
	}
	return 0;
}

static int run_mkdir(int count, char **words)
{
	return mkdir(words[1], 0755) < 0 ? fail("mkdir", words[1]) : 0;
}

static int run_rm(int count, char **words)
{
	return remove(words[1]) < 0 ? fail("rm", words[1]) : 0;
}

/* move FROM TO */
static int run_move(int count, char **words)
{
	return count < 3 || rename(words[1], words[2]) < 0 ? fail("move", words[1]) : 0;
}

/* link TARGET NAME: a symbolic one */
static int run_link(int count, char **words)
{
	return count < 3 || symlink(words[1], words[2]) < 0 ? fail("link", words[1]) : 0;
}

/* swap ONE OTHER: they change places without an end */
static int run_swap(int count, char **words)
{
	if (count < 3)
		return 2;
	puts("ready");
	fflush(stdout);
	while (renameat2(AT_FDCWD, words[1], AT_FDCWD, words[2], RENAME_EXCHANGE) == 0)
		usleep(500);
	return fail("swap", words[1]);
}

/* chown UID FILE */
static int run_chown(int count, char **words)
{
	return chown(words[2], (uid_t)strtoul(words[1], NULL, 10), (gid_t)-1) < 0 ? fail("chown", words[2]) : 0;
}

/* say OUT ERR: one line to standard output, one to standard error */
static int run_say(int count, char **words)
{
	printf("%s\n", words[1]);
	fflush(stdout);
	if (count > 2)
		fprintf(stderr, "%s\n", words[2]);
	return 0;
}

/* fill BYTES: numbered lines of 64 bytes */
static int run_fill(int count, char **words)
{
	long long left = strtoll(words[1], NULL, 10);
	for (long long number = 0; left > 0; number++, left -= 64)
		printf("%063lld\n", number);
	return 0;
}

/* lines COUNT MILLISECONDS: "line 1" …, with a pause behind each */
static int run_lines(int count, char **words)
{
	long lines = strtol(words[1], NULL, 10);
	useconds_t pause = count > 2 ? (useconds_t)strtoul(words[2], NULL, 10) * 1000 : 0;
	for (long i = 1; i <= lines; i++) {
		printf("line %ld\n", i);
		fflush(stdout);
		usleep(pause);
	}
	return 0;
}

/* sleep SECONDS: as process 1 it ends by SIGTERM and SIGINT too */
static void on_end(int number)
{
	_exit(128 + number);
}

static int run_sleep(int count, char **words)
{
	signal(SIGTERM, on_end);
	signal(SIGINT, on_end);
	puts("ready");
	fflush(stdout);
	unsigned left = count > 1 ? (unsigned)strtoul(words[1], NULL, 10) : 600;
	while (left > 0)
		left = sleep(left);
	return 0;
}

/* hold: nothing but SIGKILL ends it */
static _Noreturn int run_hold(int count, char **words)
{
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_IGN);
	puts("ready");
	fflush(stdout);
	for (;;)
		sleep(600);
}

/* leave: ends with 0, and leaves a process in a session of its own that nothing but SIGKILL ends */
static int run_leave(int count, char **words)
{
	int ends[2];
	char byte;
	if (pipe(ends) < 0)
		return fail("leave", "pipe");
	if (fork() == 0) {
		setsid();
		for (int number = 1; number < NSIG; number++)
			signal(number, SIG_IGN);
		write(ends[1], "x", 1);
		for (;;)
			sleep(600);
	}
	return read(ends[0], &byte, 1) == 1 ? 0 : 1;
}

/* await FILE: until somebody has made it; gives up after a minute */
static int run_await(int count, char **words)
{
	for (int tries = 0; tries < 6000; tries++) {
		if (access(words[1], F_OK) == 0)
			return 0;
		usleep(10000);
	}
	fprintf(stderr, "await: %s did not come\n", words[1]);
	return 1;
}

/* trap CODE: waits for a signal, prints "got NUMBER" and ends with CODE */
static int run_trap(int count, char **words)
{
	sigset_t all;
	int number;
	sigemptyset(&all);
	for (int i = 1; i < 32; i++)
		if (i != SIGCHLD && i != SIGCONT)
			sigaddset(&all, i);
	sigprocmask(SIG_BLOCK, &all, NULL);
	puts("ready");
	fflush(stdout);
	sigwait(&all, &number);
	printf("got %d\n", number);
	return (int)strtol(words[1], NULL, 10);
}

/* words ARG…: each in brackets */
static int run_words(int count, char **words)
{
	for (int i = 1; i < count; i++)
		printf("[%s]", words[i]);
	puts("");
	return 0;
}

static int run_program(int count, char **words);

/* sh -c TEXT: words split at blanks, "$NAME" by itself is a variable, "&&" goes on after a success. No more than that.
 */
static int run_shell(int count, char **words)
{
	if (count < 3 || strcmp(words[1], "-c") != 0)
		return 2;
	char *parts[64];
	int used = 0, result = 0;
	for (char *rest = words[2], *word; used < 63;) {
		word = strsep(&rest, " \t\n");
		if (word && !*word)
			continue;
		if (!word || strcmp(word, "&&") == 0) {
			parts[used] = NULL;
			result = used ? run_program(used, parts) : 0;
			fflush(stdout);
			used = 0;
			if (!word || result)
				break;
			continue;
		}
		const char *value = word[0] == '$' ? getenv(word + 1) : word;
		parts[used++] = value ? (char *)value : "";
	}
	return result;
}

static const struct {
	const char *name;
	int minimum; /* arguments */
	int (*run)(int count, char **words);
} programs[] = {
	{"true", 0, run_true},
	{"false", 0, run_false},
	{"exit", 0, run_exit},
	{"env", 0, run_env},
	{"pwd", 0, run_pwd},
	{"id", 0, run_id},
	{"hostname", 0, run_hostname},
	{"cat", 0, run_cat},
	{"write", 1, run_write},
	{"stat", 1, run_stat},
	{"mkdir", 1, run_mkdir},
	{"rm", 1, run_rm},
	{"move", 2, run_move},
	{"link", 2, run_link},
	{"swap", 2, run_swap},
	{"chown", 2, run_chown},
	{"say", 1, run_say},
	{"fill", 1, run_fill},
	{"lines", 1, run_lines},
	{"sleep", 0, run_sleep},
	{"hold", 0, run_hold},
	{"leave", 0, run_leave},
	{"trap", 1, run_trap},
	{"await", 1, run_await},
	{"words", 0, run_words},
	{"sh", 2, run_shell},
	{"ls", 1, run_list},
	{"descriptors", 0, run_descriptors},
	{"terminal", 0, run_terminal},
	{"serve", 1, run_serve},
	{"fetch", 2, run_fetch},
	{"memory", 1, run_memory},
	{"processes", 1, run_processes},
	{"agent", 1, run_agent},
	{"socket", 1, run_socket},
	{"mount", 1, run_mount},
	{"attack", 1, run_attack},
	{"interfaces", 0, run_interfaces},
	{"resolve", 1, run_resolve},
	{"nameserver", 1, run_nameserver},
};

static int run_program(int count, char **words)
{
	const char *slash = strrchr(words[0], '/');
	const char *name = slash ? slash + 1 : words[0];
	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
		if (strcmp(programs[i].name, name) != 0)
			continue;
		if (count - 1 < programs[i].minimum) {
			fprintf(stderr, "%s: %d arguments are needed\n", name, programs[i].minimum);
			return 2;
		}
		return programs[i].run(count, words);
	}
	fprintf(stderr, "%s: no such program\n", name);
	return 127;
}

int main(int count, char **words)
{
	const char *slash = strrchr(words[0], '/');
	if (strcmp(slash ? slash + 1 : words[0], "probe") == 0) {
		if (count < 2)
			return 2;
		count--;
		words++;
	}
	return run_program(count, words);
}
