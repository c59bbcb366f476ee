#include "harness.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/memory.h"
#include "monitor/log_reader.h"
#include "monitor/protocol.h"
#include "monitor/start.h"

const char *harness_program;

static void write_text(int folder_fd, const char *name, const char *text, mode_t mode)
{
	struct error err = {0};
	int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, text, strlen(text), &err), 0);
	close(fd);
}

static _Noreturn void play_container(const char *command, const int standard[3], bool terminal)
{
	setsid();
	for (int fd = 0; fd < 3; fd++)
		dup2(standard[fd], fd);
	if (terminal)
		ioctl(0, TIOCSCTTY, 0);
	close_range(3, ~0U, 0);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

struct streams {
	int near[3], far[3]; /* the monitor's ends, the container's ends */
	int master;
};

static void open_streams(struct streams *streams, const struct harness_options *options)
{
	*streams = (struct streams){.near = {-1, -1, -1}, .far = {-1, -1, -1}, .master = -1};
	if (options->terminal) {
		streams->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
		assert_true(streams->master >= 0 && grantpt(streams->master) == 0 && unlockpt(streams->master) == 0);
		char name[64];
		assert_int_equal(ptsname_r(streams->master, name, sizeof name), 0);
		for (int i = 0; i < 3; i++)
			streams->far[i] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
		return;
	}
	for (int i = 0; i < 3; i++) {
		int ends[2];
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		streams->near[i] = ends[i == 0 ? 1 : 0];
		streams->far[i] = ends[i == 0 ? 0 : 1];
	}
	if (!options->input) {
		close(streams->near[0]);
		close(streams->far[0]);
		streams->near[0] = -1;
		streams->far[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
}

static _Noreturn void play_engine(struct harness *harness, const struct harness_options *options,
				  struct monitor_options *start, int pid_fd)
{
	setsid();
	struct streams streams;
	open_streams(&streams, options);
	pid_t pid = fork();
	if (pid == 0)
		play_container(options->command, streams.far, options->terminal);
	(void)!write(pid_fd, &pid, sizeof pid);
	start->pid = pid;
	start->stdin_fd = streams.near[0];
	start->stdout_fd = streams.near[1];
	start->stderr_fd = streams.near[2];
	start->terminal_fd = streams.master;
	start->stdin_once = options->client && options->input;
	/* A log or a lock may well have a low number where the engine was started with closed descriptors. */
	close(0);
	start->log_fd = dup(start->log_fd);
	struct error err = {0};
	monitor_become(start, &err);
	_exit(1);
}

static void make_folder(struct harness *harness, const struct harness_options *options)
{
	*harness = (struct harness){.folder = "/tmp/coracle-monitor-test-XXXXXX", .client_fd = -1};
	assert_non_null(mkdtemp(harness->folder));
	harness->folder_fd = open(harness->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_free char *script = format_string("#!/bin/sh\nprintf '%%s\\n' \"$@\" >%s/cleanup.new\n%s\n"
						  "mv %s/cleanup.new %s/cleanup\n",
						  harness->folder, options->cleanup ? options->cleanup : "",
						  harness->folder, harness->folder);
	write_text(harness->folder_fd, "engine", script, 0755);
}

void harness_start(struct harness *harness, const struct harness_options *options)
{
	make_folder(harness, options);
	struct error err = {0};
	int ready[2], pids[2], clients[2] = {-1, -1}, lock;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(pids, O_CLOEXEC), 0);
	if (options->client)
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, clients), 0);
	assert_int_equal(monitor_lock_take(harness->folder_fd, &lock, &err), 0);
	int log = options->log_fd ? options->log_fd
				  : openat(harness->folder_fd, "container.log",
					   O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	cleanup_free char *engine = format_string("%s/engine", harness->folder);
	struct monitor_options start = {
		.program = harness_program,
		.engine = engine,
		.root = "/the/root",
		.run_root = "/the/run root",
		.id = "0123abcd",
		.run_folder_fd = harness->folder_fd,
		.log_fd = log,
		.log_folder_fd = harness->folder_fd,
		.log_max_size = options->log_max_size,
		.log_keep = options->log_keep,
		.log_number = 1,
		.journal_fd = -1,
		.memory_events_fd = -1,
		.lock_fd = lock,
		.client_fd = clients[1],
		.ready_fd = ready[1],
	};
	harness->monitor = fork();
	if (harness->monitor == 0)
		play_engine(harness, options, &start, pids[1]);
	close(ready[1]);
	close(pids[1]);
	close(clients[1]);
	close(lock);
	close(log);
	harness->client_fd = clients[0];
	assert_int_equal(read_full(pids[0], &harness->container, sizeof harness->container, &err), 0);
	char byte;
	assert_int_equal(read_some(ready[0], &byte, 1), 1);
	assert_int_equal(read_some(ready[0], &byte, 1), 0);
	close(ready[0]);
	close(pids[0]);
}

struct monitor_status harness_wait(struct harness *harness)
{
	struct error err = {0};
	struct monitor_status status;
	assert_int_equal(monitor_wait(harness->folder_fd, 60 * NANOSECONDS_PER_SECOND, &err), 0);
	assert_int_equal(monitor_wait_exit(harness->folder_fd, &status, &err), 0);
	return status;
}

struct buffer harness_read(struct harness *harness, const char *name)
{
	struct error err = {0};
	struct buffer text = BUFFER_INIT(0);
	if (read_file_at(harness->folder_fd, name, 1 << 30, &text, &err) < 0)
		fail_msg("%s", err.message);
	return text;
}

struct buffer harness_log(struct harness *harness)
{
	struct error err = {0};
	int out = openat(harness->folder_fd, "shown", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct log_query query = {.tail = -1, .stdout_fd = out, .stderr_fd = out};
	assert_int_equal(log_read(harness->folder_fd, -1, &query, &err), 0);
	close(out);
	return harness_read(harness, "shown");
}

void harness_end(struct harness *harness)
{
	struct error err = {0};
	if (harness->client_fd >= 0)
		close(harness->client_fd);
	kill(harness->monitor, SIGKILL);
	waitpid(harness->monitor, NULL, 0);
	close(harness->folder_fd);
	int parent = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(remove_tree_at(parent, strrchr(harness->folder, '/') + 1, &err), 0);
	close(parent);
}

bool harness_wait_for(bool (*is_so)(void *context), void *context)
{
	for (int i = 0; i < 1000; i++) {
		if (is_so(context))
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}

size_t harness_frame(int client_fd, char *frame)
{
	struct pollfd wanted = {.fd = client_fd, .events = POLLIN};
	assert_int_equal(poll(&wanted, 1, 30000), 1);
	ssize_t got = recv(client_fd, frame, 1 + FRAME_LIMIT, 0);
	return got < 0 ? 0 : (size_t)got;
}

void harness_send(int client_fd, char kind, const void *bytes, size_t size)
{
	char frame[1 + FRAME_LIMIT];
	frame[0] = kind;
	if (size > 0)
		memcpy(frame + 1, bytes, size);
	assert_int_equal(send(client_fd, frame, size + 1, MSG_NOSIGNAL), size + 1);
}

int harness_collect(int client_fd, char kind, struct buffer *text)
{
	static char frame[1 + FRAME_LIMIT];
	struct error err = {0};
	for (size_t size; (size = harness_frame(client_fd, frame)) > 0;) {
		if (frame[0] == FRAME_EXIT)
			return (unsigned char)frame[1];
		if (frame[0] == kind)
			assert_int_equal(buffer_append(text, frame + 1, size - 1, &err), 0);
	}
	return -1;
}
