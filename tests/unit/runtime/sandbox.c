#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/random.h"
#include "runtime/capability.h"
#include "runtime/cgroup.h"
#include "sandbox.h"

void sandbox_need_root(void)
{
	if (geteuid() != 0) {
		print_message("skip: starting a container needs root\n");
		skip();
	}
}

static int open_below(struct sandbox *sandbox, const char *name)
{
	struct error err;
	int fd = open_folder_at(sandbox->folder_fd, name, true, 0755, &err);
	if (fd < 0)
		fail_msg("%s", err.message);
	return fd;
}

static void copy_probe(struct sandbox *sandbox)
{
	struct error err;
	cleanup_close int from = open(getenv("PROBE"), O_RDONLY | O_CLOEXEC);
	cleanup_close int to = openat(sandbox->layer_fd, "bin/probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (from < 0 || to < 0 || copy_file_data(from, to, &err) < 0)
		fail_msg("PROBE must name the probe program");
}

int sandbox_setup(void **state)
{
	struct sandbox *sandbox = allocate(sizeof *sandbox);
	*state = sandbox;
	umask(022);
	snprintf(sandbox->folder, sizeof sandbox->folder, "/tmp/coracle-runtime-XXXXXX");
	assert_non_null(mkdtemp(sandbox->folder));
	sandbox->folder_fd = open(sandbox->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sandbox->layer_fd = open_below(sandbox, "layer");
	sandbox->cache_fd = open_below(sandbox, "cache");
	sandbox->spec.upper_fd = open_below(sandbox, "upper");
	sandbox->spec.work_fd = open_below(sandbox, "work");
	fchmod(sandbox->spec.upper_fd, 0755);
	sandbox_make_folder(sandbox, "bin");
	sandbox_make_folder(sandbox, "etc");
	sandbox_make_folder(sandbox, "tmp");
	sandbox_write(sandbox, "etc/passwd",
		      "root:x:0:0:root:/root:/bin/sh\ncook:x:1000:1001:cook:/home/cook:/bin/sh\n"
		      "1000:x:0:0:trap:/:/bin/sh\nbroken:x:zero:0::/:\n");
	sandbox_write(sandbox, "etc/group",
		      "root:x:0:\nkitchen:x:1001:\naudio:x:29:cook,other\nbar:x:77:other\nwheel:x:10:root\n");
	copy_probe(sandbox);

	char suffix[17];
	random_hex(suffix, 16);
	snprintf(sandbox->cgroup, sizeof sandbox->cgroup, "/coracle/test-%s", suffix);
	sandbox->spec.id = sandbox->cgroup + 9;
	sandbox->spec.cgroup = sandbox->cgroup;
	sandbox->spec.layer_fds = &sandbox->layer_fd;
	sandbox->spec.layer_count = 1;
	sandbox->spec.hostname = "boat";
	sandbox->spec.hostname_fd = sandbox->spec.hosts_fd = sandbox->spec.resolv_conf_fd = -1;
	sandbox->spec.arguments = sandbox->arguments;
	sandbox->spec.capabilities = CAPABILITY_DEFAULT_SET;
	struct error err;
	if (seccomp_default_filter(sandbox->cache_fd, CAPABILITY_DEFAULT_SET, &sandbox->filter, &err) < 0)
		fail_msg("%s", err.message);
	sandbox->spec.seccomp = &sandbox->filter.program;
	sandbox->process.pid = -1;
	return 0;
}

int sandbox_teardown(void **state)
{
	struct sandbox *sandbox = *state;
	struct error err = {.kind = ERROR_NONE};
	int destroyed = geteuid() == 0 ? cgroup_destroy(sandbox->cgroup, &err) : 0;
	int fds[] = {sandbox->folder_fd, sandbox->layer_fd, sandbox->cache_fd, sandbox->spec.upper_fd,
		     sandbox->spec.work_fd};
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	if (remove_tree_at(AT_FDCWD, sandbox->folder, &err) < 0 || destroyed < 0)
		fail_msg("%s", err.message);
	string_list_release(&sandbox->spec.environment);
	string_list_release(&sandbox->spec.groups);
	seccomp_filter_release(&sandbox->filter);
	free(sandbox);
	return 0;
}

void sandbox_write(struct sandbox *sandbox, const char *path, const char *text)
{
	unlinkat(sandbox->layer_fd, path, 0);
	cleanup_close int fd = openat(sandbox->layer_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

void sandbox_make_folder(struct sandbox *sandbox, const char *path)
{
	assert_int_equal(mkdirat(sandbox->layer_fd, path, 0755), 0);
}

void sandbox_link(struct sandbox *sandbox, const char *target, const char *path)
{
	assert_int_equal(symlinkat(target, sandbox->layer_fd, path), 0);
}

void sandbox_remove(struct sandbox *sandbox, const char *path)
{
	assert_int_equal(remove_tree_at(sandbox->layer_fd, path, NULL), 0);
}

/* Until the pipe ends or half a minute has gone: a container that hangs fails the test. */
static void read_output(struct sandbox *sandbox, int fd)
{
	size_t used = 0;
	while (used < sizeof sandbox->output - 1) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		if (poll(&poll_fd, 1, 30000) <= 0)
			fail_msg("the container hangs; so far: %s", sandbox->output);
		ssize_t got = read_some(fd, sandbox->output + used, sizeof sandbox->output - 1 - used);
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	sandbox->output[used] = '\0';
}

static void start_and_wait(struct sandbox *sandbox, int read_end, int write_end)
{
	sandbox->exit_code = -1;
	memset(&sandbox->error, 0, sizeof sandbox->error);
	int launched = runtime_launch(&sandbox->spec, &sandbox->process, &sandbox->error);
	if (launched == 0 && runtime_start(&sandbox->process, &sandbox->error) < 0) {
		runtime_abandon(&sandbox->process, sandbox->cgroup);
		launched = -1;
	}
	close(write_end);
	if (launched < 0)
		return;
	read_output(sandbox, sandbox->spec.terminal ? sandbox->process.terminal_fd : read_end);
	int status;
	assert_int_equal(waitpid(sandbox->process.pid, &status, 0), sandbox->process.pid);
	sandbox->process.pid = -1;
	sandbox->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	runtime_abandon(&sandbox->process, sandbox->cgroup);
}

void sandbox_run(struct sandbox *sandbox, ...)
{
	va_list words;
	va_start(words, sandbox);
	size_t count = 0;
	for (const char *word; (word = va_arg(words, const char *)) && count < ARRAY_SIZE(sandbox->arguments) - 2;
	     count++) {
		sandbox->arguments[0] = "/bin/probe";
		sandbox->arguments[count + 1] = word;
		sandbox->arguments[count + 2] = NULL;
	}
	va_end(words);
	int pipes[2];
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	sandbox->spec.stdio_fds[0] = -1;
	sandbox->spec.stdio_fds[1] = sandbox->spec.stdio_fds[2] = pipes[1];
	sandbox->output[0] = '\0';
	start_and_wait(sandbox, pipes[0], pipes[1]);
	close(pipes[0]);
}

void sandbox_expect(struct sandbox *sandbox, const char *text)
{
	if (sandbox->exit_code != 0)
		fail_msg("exit code %d: %s%s", sandbox->exit_code, sandbox->error.message, sandbox->output);
	if (!strstr(sandbox->output, text))
		fail_msg("no \"%s\" in: %s", text, sandbox->output);
}

void sandbox_expect_not(struct sandbox *sandbox, const char *text)
{
	if (strstr(sandbox->output, text))
		fail_msg("\"%s\" in: %s", text, sandbox->output);
}

void sandbox_expect_error(struct sandbox *sandbox, const char *text)
{
	if (sandbox->exit_code != -1)
		fail_msg("it started, and ended with %d: %s", sandbox->exit_code, sandbox->output);
	if (!strstr(sandbox->error.message, text))
		fail_msg("no \"%s\" in the error: %s", text, sandbox->error.message);
}
