/*
 * The kernel's own price of a container: clone3 with every namespace, an overlay, /proc, /dev, pivot_root, exec. What
 * an engine adds to this is the engine's. Usage: floor ROOT, which runs ROOT/true.
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int inside(const char *merged, const char *options)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("overlay", merged, "overlay", 0, options) < 0 || chdir(merged) < 0)
		return 1;
	mkdir("proc", 0755);
	mkdir("dev", 0755);
	if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ||
	    mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=65536k") < 0 ||
	    syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		return 1;
	char *arguments[] = {(char[]){"/true"}, NULL};
	execve(arguments[0], arguments, arguments + 1);
	return 1;
}

int main(int count, char **arguments)
{
	char base[] = "/var/tmp/floorXXXXXX", options[4096], merged[64];
	if (count != 2 || !mkdtemp(base) || chdir(base) < 0)
		return 2;
	mkdir("upper", 0755);
	mkdir("work", 0755);
	mkdir("merged", 0755);
	snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", arguments[1], base, base);
	snprintf(merged, sizeof merged, "%s/merged", base);
	struct clone_args clone = {.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
					    CLONE_NEWNET,
				   .exit_signal = SIGCHLD};
	pid_t pid = (pid_t)syscall(SYS_clone3, &clone, sizeof clone);
	if (pid == 0)
		_exit(inside(merged, options));
	int status = 1;
	if (pid > 0)
		waitpid(pid, &status, 0);
	/* What it made is small and goes with it: upper holds two folders, work one. */
	rmdir("upper/proc");
	rmdir("upper/dev");
	rmdir("upper");
	rmdir("work/work");
	rmdir("work");
	rmdir("merged");
	rmdir(base);
	return WEXITSTATUS(status);
}
