/*
 * The program inside: a static binary that prints what a container's process sees, one line a word of its command line,
 * and tries what it should not be able to do. Words take their argument behind ":": "read:/etc/hostname".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *word, long result)
{
	if (result < 0)
		printf("%s=%s\n", word, strerrorname_np(errno));
	else
		printf("%s=ok\n", word);
}

static void print_fds(void)
{
	printf("fds=");
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	while (directory && (entry = readdir(directory))) {
		if (entry->d_name[0] != '.' && (int)strtol(entry->d_name, NULL, 10) != dirfd(directory))
			printf("%s ", entry->d_name);
	}
	printf("\n");
	if (directory)
		closedir(directory);
}

static void print_status(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[512];
	while (file && fgets(line, sizeof line, file)) {
		if (strncmp(line, "Cap", 3) == 0 || strncmp(line, "NoNewPrivs", 10) == 0 ||
		    strncmp(line, "Seccomp:", 8) == 0 || strncmp(line, "Sig", 3) == 0 || strncmp(line, "Umask", 5) == 0)
			printf("%s", line);
	}
	if (file)
		fclose(file);
}

static void print_ids(void)
{
	gid_t groups[64];
	int count = getgroups(64, groups);
	printf("ids=%u:%u groups=", getuid(), getgid());
	for (int i = 0; i < count; i++)
		printf("%u,", groups[i]);
	printf(" pid=%d sid=%d\n", getpid(), getsid(0));
}

static void print_file(const char *path)
{
	char text[8192];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (got < 0) {
		say("read", -1);
	} else {
		text[got] = '\0';
		printf("read=[%s]\n", text);
	}
	if (fd >= 0)
		close(fd);
}

static void write_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	long result = fd < 0 ? -1 : write(fd, "x", 1);
	say("write", result);
	if (fd >= 0)
		close(fd);
}

static void list_folder(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	printf("list=");
	while (directory && (entry = readdir(directory))) {
		if (entry->d_name[0] != '.')
			printf("%s ", entry->d_name);
	}
	printf("\n");
	if (directory)
		closedir(directory);
}

static void print_stat(const char *path)
{
	struct stat status;
	if (lstat(path, &status) < 0)
		say("stat", -1);
	else
		printf("stat=%o %u:%u %u:%u nlink=%lu\n", status.st_mode, status.st_uid, status.st_gid,
		       major(status.st_rdev), minor(status.st_rdev), (unsigned long)status.st_nlink);
}

static void print_link(const char *path)
{
	char target[4096];
	ssize_t length = readlink(path, target, sizeof target - 1);
	target[length < 0 ? 0 : length] = '\0';
	printf("link=%s\n", length < 0 ? strerrorname_np(errno) : target);
}

/* Makes a node for a device and opens it: "c1:11". */
static void open_device(const char *text)
{
	unsigned major_number = 0, minor_number = 0;
	char type = 'c';
	sscanf(text, "%c%u:%u", &type, &major_number, &minor_number);
	unlink("/dev/probe-node");
	if (mknod("/dev/probe-node", (type == 'b' ? S_IFBLK : S_IFCHR) | 0600, makedev(major_number, minor_number)) <
	    0) {
		say("device", -1);
		return;
	}
	int fd = open("/dev/probe-node", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	say("device", fd);
	if (fd >= 0)
		close(fd);
}

/* Sockets by the 32-bit door: int 0x80, socketcall(SYS_SOCKET, {family, type, 0}). */
static void try_socketcall32(int family)
{
#if defined(__x86_64__)
	/* Below 4 GiB, where a 32-bit call can point to. */
	unsigned *arguments = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (arguments == MAP_FAILED)
		return;
	arguments[0] = (unsigned)family;
	arguments[1] = SOCK_STREAM;
	arguments[2] = 0;
	long result;
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(102L), "b"(1L), "c"((long)arguments)
			 : "memory", "r8", "r9", "r10", "r11");
	errno = result < 0 ? (int)-result : 0;
	say("socketcall32", result);
#else
	(void)family;
	printf("socketcall32=ENOSYS\n");
#endif
}

/* Some machines have no gate for 32-bit calls, and a SIGSEGV is their answer: as good a no. */
static void no_gate(int number)
{
	static const char text[] = "socketcall32=ENOSYS\n";
	_exit(write(STDOUT_FILENO, text, sizeof text - 1) < 0);
}

/* In a process of its own, since that signal would be the end of this one. */
static void socketcall32(int family)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGSEGV, no_gate);
		try_socketcall32(family);
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *word = argv[i], *value = strchr(word, ':');
		char none[] = "";
		if (value)
			*value++ = '\0';
		else
			value = none;
		char path[4096];
		if (strcmp(word, "fds") == 0)
			print_fds();
		else if (strcmp(word, "status") == 0)
			print_status();
		else if (strcmp(word, "ids") == 0)
			print_ids();
		else if (strcmp(word, "env") == 0)
			printf("env=%s\n", getenv(value) ? getenv(value) : "(none)");
		else if (strcmp(word, "cwd") == 0)
			printf("cwd=%s\n", getcwd(path, sizeof path) ? path : strerrorname_np(errno));
		else if (strcmp(word, "hostname") == 0)
			printf("hostname=%s\n", gethostname(path, sizeof path) == 0 ? path : "?");
		else if (strcmp(word, "read") == 0)
			print_file(value);
		else if (strcmp(word, "write") == 0)
			write_file(value);
		else if (strcmp(word, "make") == 0)
			say("make", open(value, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
		else if (strcmp(word, "list") == 0)
			list_folder(value);
		else if (strcmp(word, "stat") == 0)
			print_stat(value);
		else if (strcmp(word, "device") == 0)
			open_device(value);
		else if (strcmp(word, "socket") == 0)
			say("socket", socket((int)strtol(value, NULL, 10), SOCK_STREAM, 0));
		else if (strcmp(word, "socketcall32") == 0)
			socketcall32((int)strtol(value, NULL, 10));
		else if (strcmp(word, "unshare") == 0)
			say("unshare", unshare(CLONE_NEWUSER));
		else if (strcmp(word, "clone3") == 0)
			say("clone3", syscall(SYS_clone3, NULL, 0));
		else if (strcmp(word, "call") == 0)
			say("call", syscall(strtol(value, NULL, 10), -1, 0, 0, 0, 0, 0));
		else if (strcmp(word, "mount") == 0)
			say("mount", mount("none", value, "tmpfs", 0, NULL));
		else if (strcmp(word, "remount") == 0)
			say("remount", mount(NULL, value, NULL, MS_REMOUNT | MS_BIND, NULL));
		else if (strcmp(word, "link") == 0)
			print_link(value);
		else if (strcmp(word, "tty") == 0)
			printf("tty=%s console=%d\n", ttyname(0) ? ttyname(0) : "(none)",
			       open("/dev/tty", O_RDWR | O_CLOEXEC) >= 0);
		else if (strcmp(word, "say") == 0)
			printf("%s\n", value);
		else if (strcmp(word, "sleep") == 0)
			sleep((unsigned)strtol(value, NULL, 10));
		else if (strcmp(word, "exit") == 0) {
			fflush(stdout);
			_exit((int)strtol(value, NULL, 10));
		}
		fflush(stdout);
	}
	return 0;
}
