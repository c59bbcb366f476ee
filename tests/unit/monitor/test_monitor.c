#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/memory.h"
#include "harness.h"
#include "monitor/protocol.h"
#include "monitor/start.h"

static struct monitor_status read_status(struct harness *harness)
{
	struct error err = {0};
	struct monitor_status status;
	if (monitor_status_read(harness->folder_fd, &status, &err) < 0)
		fail_msg("%s", err.message);
	return status;
}

static void exit_codes(void **state)
{
	static const struct {
		const char *command;
		int code;
	} cases[] = {{"exit 0", 0}, {"exit 7", 7}, {"exit 255", 255}, {"kill -9 $$", 137}, {"kill -15 $$", 143}};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct harness harness;
		harness_start(&harness, &(struct harness_options){.command = cases[i].command});
		struct monitor_status last = harness_wait(&harness);
		assert_int_equal(last.state, MONITOR_EXITED);
		assert_int_equal(last.exit_code, cases[i].code);
		struct monitor_status status = read_status(&harness);
		assert_int_equal(status.state, MONITOR_EXITED);
		assert_false(status.cleaning);
		assert_int_equal(status.exit_code, cases[i].code);
		assert_true(time_now() - status.finished < 60 * NANOSECONDS_PER_SECOND);
		harness_end(&harness);
	}
}

static void cleanup_gets_its_arguments_and_holds_the_lock(void **state)
{
	struct harness harness;
	harness_start(&harness, &(struct harness_options){.command = "exit 3",
							  .client = true,
							  .cleanup = "ls -l /proc/$$/fd >/tmp/../$0.fds; sleep 0.5"});
	cleanup_buffer struct buffer text = BUFFER_INIT(1000);
	assert_int_equal(harness_collect(harness.client_fd, FRAME_STDOUT, &text), 3);
	/* The exit frame comes before the cleanup, the end of the connection after it. */
	struct monitor_status status = read_status(&harness);
	assert_int_equal(status.state, MONITOR_EXITED);
	assert_true(status.cleaning);
	assert_int_equal(faccessat(harness.folder_fd, "attach.sock", F_OK, 0), -1);
	struct error err = {0};
	int lock;
	assert_int_equal(monitor_lock_take(harness.folder_fd, &lock, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_int_equal(monitor_wait(harness.folder_fd, NANOSECONDS_PER_SECOND / 20, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
	char frame[1 + FRAME_LIMIT];
	assert_int_equal(harness_frame(harness.client_fd, frame), 0);
	cleanup_buffer struct buffer arguments = harness_read(&harness, "cleanup");
	static const char words[] = "--root\n/the/root\n--run-root\n/the/run root\ncontainer\ncleanup\n0123abcd\n";
	assert_int_equal(strncmp(buffer_text(&arguments), words, strlen(words)), 0);
	/* Last the number of the lock's descriptor. */
	cleanup_free char *lock_link =
		format_string(" %.*s -> ", (int)strcspn(buffer_text(&arguments) + strlen(words), "\n"),
			      buffer_text(&arguments) + strlen(words));
	cleanup_buffer struct buffer fds = harness_read(&harness, "engine.fds");
	const char *passed = strstr(buffer_text(&fds), lock_link);
	assert_non_null(passed);
	assert_int_equal(strncmp(strchr(passed, '/') + strcspn(strchr(passed, '/'), "\n") - 5, "/lock\n", 6), 0);
	assert_null(strstr(buffer_text(&fds), "container.log"));
	assert_null(strstr(buffer_text(&fds), "pipe:"));
	harness_wait(&harness);
	harness_end(&harness);
}

static void both_streams_are_logged(void **state)
{
	struct harness harness;
	nanoseconds before = time_now();
	harness_start(&harness, &(struct harness_options){.command = "echo one; sleep 0.1; echo two >&2; sleep 0.1; "
								     "printf three; sleep 0.1; echo; printf end"});
	harness_wait(&harness);
	cleanup_buffer struct buffer raw = harness_read(&harness, "container.log");
	static const char *const expected[] = {"stdout F one", "stderr F two", "stdout P three", "stdout F ",
					       "stdout P end"};
	char *at = raw.bytes;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		char *newline = strchr(at, '\n');
		assert_non_null(newline);
		*newline = '\0';
		assert_true(strlen(at) > 31);
		assert_string_equal(at + 31, expected[i]);
		at[30] = '\0';
		nanoseconds time;
		assert_true(time_parse_rfc3339(at, &time));
		char text[TIME_TEXT_SIZE];
		time_format_rfc3339(time, text);
		assert_string_equal(text, at);
		assert_true(time >= before && time <= time_now());
		at = newline + 1;
	}
	assert_string_equal(at, "");
	cleanup_buffer struct buffer shown = harness_log(&harness);
	assert_string_equal(buffer_text(&shown), "one\ntwo\nthree\nend");
	harness_end(&harness);
}

static void long_lines_are_parted(void **state)
{
	struct harness harness;
	harness_start(&harness,
		      &(struct harness_options){.command = "head -c 100000 /dev/zero | tr '\\0' x; echo; echo short"});
	harness_wait(&harness);
	cleanup_buffer struct buffer raw = harness_read(&harness, "container.log");
	size_t longest = 0;
	for (char *at = raw.bytes, *end; (end = strchr(at, '\n')); at = end + 1)
		if ((size_t)(end - at) > longest)
			longest = (size_t)(end - at);
	assert_true(longest <= 40 + 16384);
	cleanup_buffer struct buffer shown = harness_log(&harness);
	assert_int_equal(shown.size, 100000 + 1 + 6);
	assert_int_equal(strspn(shown.bytes, "x"), 100000);
	assert_string_equal(shown.bytes + 100001, "short\n");
	harness_end(&harness);
}

static void ten_megabytes_arrive_whole(void **state)
{
	struct harness harness;
	harness_start(&harness, &(struct harness_options){.command = "seq 1 1300000", .client = true});
	/* A client that is slow at first: the container waits for it. */
	poll(NULL, 0, 300);
	cleanup_buffer struct buffer text = BUFFER_INIT(1 << 30);
	assert_int_equal(harness_collect(harness.client_fd, FRAME_STDOUT, &text), 0);
	harness_wait(&harness);
	cleanup_buffer struct buffer shown = harness_log(&harness);
	assert_true(text.size > 9000000);
	assert_int_equal(shown.size, text.size);
	assert_memory_equal(shown.bytes, text.bytes, text.size);
	const char *at = text.bytes;
	for (long number = 1; number <= 1300000; number++) {
		char *end;
		assert_int_equal(strtol(at, &end, 10), number);
		at = end + 1;
	}
	harness_end(&harness);
}

/* The container ends while its client reads nothing: the kernel keeps the rest, the cleanup does not wait. */
static void client_that_sleeps_gets_the_end(void **state)
{
	struct harness harness;
	harness_start(&harness, &(struct harness_options){.command = "exec head -c 350000 /dev/zero", .client = true});
	assert_int_equal(harness_wait(&harness).exit_code, 0);
	cleanup_buffer struct buffer text = BUFFER_INIT(1 << 20);
	assert_int_equal(harness_collect(harness.client_fd, FRAME_STDOUT, &text), 0);
	assert_int_equal(text.size, 350000);
	harness_end(&harness);
}

static void input_goes_round(void **state)
{
	struct harness harness;
	harness_start(&harness, &(struct harness_options){.command = "cat; echo done", .client = true, .input = true});
	harness_send(harness.client_fd, FRAME_STDIN, "hello\n", 6);
	harness_send(harness.client_fd, FRAME_STDIN, "world\n", 6);
	harness_send(harness.client_fd, FRAME_STDIN, NULL, 0);
	cleanup_buffer struct buffer text = BUFFER_INIT(1000);
	assert_int_equal(harness_collect(harness.client_fd, FRAME_STDOUT, &text), 0);
	assert_string_equal(buffer_text(&text), "hello\nworld\ndone\n");
	harness_wait(&harness);
	harness_end(&harness);
}

static void signal_overtakes_input_that_is_not_read(void **state)
{
	struct harness harness;
	harness_start(&harness,
		      &(struct harness_options){
			      .command = "trap 'echo got; exit 9' USR1; echo ready; while :; do sleep 0.05; done",
			      .client = true,
			      .input = true});
	static char frame[1 + FRAME_LIMIT];
	assert_true(harness_frame(harness.client_fd, frame) > 0);
	static const char block[FRAME_LIMIT];
	for (int i = 0; i < INPUT_WINDOW / FRAME_LIMIT; i++)
		harness_send(harness.client_fd, FRAME_STDIN, block, sizeof block);
	char number = SIGUSR1;
	harness_send(harness.client_fd, FRAME_SIGNAL, &number, 1);
	cleanup_buffer struct buffer text = BUFFER_INIT(1000);
	assert_int_equal(harness_collect(harness.client_fd, FRAME_STDOUT, &text), 9);
	assert_string_equal(buffer_text(&text), "got\n");
	harness_wait(&harness);
	harness_end(&harness);
}

static void broken_frames_disconnect(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
	} cases[] = {{"?", 1}, {"s", 1}, {"s\0", 2}, {"s\x7f", 2}, {"r12", 3}, {"x1", 2}};
	struct harness harness;
	harness_start(&harness, &(struct harness_options){.command = "sleep 100"});
	struct error err = {0};
	char frame[1 + FRAME_LIMIT];
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int fd;
		assert_int_equal(monitor_connect(harness.folder_fd, &fd, &err), 0);
		assert_int_equal(send(fd, cases[i].bytes, cases[i].size, MSG_NOSIGNAL), cases[i].size);
		assert_int_equal(harness_frame(fd, frame), 0);
		close(fd);
	}
	static const char too_long[2 + FRAME_LIMIT] = "i";
	int fd;
	assert_int_equal(monitor_connect(harness.folder_fd, &fd, &err), 0);
	assert_int_equal(send(fd, too_long, sizeof too_long, MSG_NOSIGNAL), sizeof too_long);
	assert_int_equal(harness_frame(fd, frame), 0);
	close(fd);
	assert_int_equal(read_status(&harness).state, MONITOR_RUNNING);
	kill(harness.container, SIGKILL);
	harness_wait(&harness);
	harness_end(&harness);
}

static void attach_later_and_terminate(void **state)
{
	struct harness harness;
	harness_start(&harness,
		      &(struct harness_options){
			      .command = "trap 'echo bye; exit 4' TERM; while :; do sleep 0.02; echo x; done"});
	struct stat info;
	assert_int_equal(fstatat(harness.folder_fd, "attach.sock", &info, 0), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	struct monitor_status status = read_status(&harness);
	assert_int_equal(status.state, MONITOR_RUNNING);
	assert_int_equal(status.pid, harness.container);
	struct error err = {0};
	int fd;
	assert_int_equal(monitor_connect(harness.folder_fd, &fd, &err), 0);
	char frame[1 + FRAME_LIMIT];
	assert_true(harness_frame(fd, frame) > 0);
	/* SIGTERM to the monitor is passed on. */
	kill(harness.monitor, SIGTERM);
	kill(harness.monitor, SIGHUP);
	kill(harness.monitor, SIGINT);
	cleanup_buffer struct buffer text = BUFFER_INIT(100000);
	assert_int_equal(harness_collect(fd, FRAME_STDOUT, &text), 4);
	assert_non_null(strstr(buffer_text(&text), "bye\n"));
	close(fd);
	assert_int_equal(harness_wait(&harness).exit_code, 4);
	assert_int_equal(monitor_connect(harness.folder_fd, &fd, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	harness_end(&harness);
}

static void terminal_has_size_and_echo(void **state)
{
	struct harness harness;
	harness_start(&harness, &(struct harness_options){
					.command = "read line; stty size; echo \"<$line>\"; test -t 0 && exit 5",
					.client = true,
					.input = true,
					.terminal = true});
	struct frame_resize size = {.rows = 33, .columns = 123};
	harness_send(harness.client_fd, FRAME_RESIZE, &size, sizeof size);
	harness_send(harness.client_fd, FRAME_STDIN, "abc\n", 4);
	cleanup_buffer struct buffer text = BUFFER_INIT(1000);
	assert_int_equal(harness_collect(harness.client_fd, FRAME_STDOUT, &text), 5);
	assert_string_equal(buffer_text(&text), "abc\r\n33 123\r\n<abc>\r\n");
	harness_wait(&harness);
	harness_end(&harness);
}

static void killed_monitor_is_lost(void **state)
{
	struct harness harness;
	harness_start(&harness, &(struct harness_options){.command = "sleep 100"});
	assert_int_equal(read_status(&harness).state, MONITOR_RUNNING);
	kill(harness.monitor, SIGKILL);
	assert_int_equal(harness_wait(&harness).state, MONITOR_LOST);
	assert_int_equal(read_status(&harness).state, MONITOR_LOST);
	kill(harness.container, SIGKILL);
	/* Somebody who repairs holds the lock: neither lost nor running. */
	struct error err = {0};
	int lock;
	assert_int_equal(monitor_lock_take(harness.folder_fd, &lock, &err), 0);
	assert_int_equal(read_status(&harness).state, MONITOR_BUSY);
	close(lock);
	harness_end(&harness);
}

/* A waiter in a child of ours, over the harness' script; the lock is its own. */
static pid_t start_waiter(struct harness *harness, nanoseconds span)
{
	struct error err = {0};
	struct monitor_options options = {
		.program = harness_program, .root = "/the/root", .run_root = "/the/run root", .id = "0123abcd"};
	cleanup_free char *engine = format_string("%s/engine", harness->folder);
	options.engine = engine;
	assert_int_equal(monitor_lock_take(harness->folder_fd, &options.lock_fd, &err), 0);
	pid_t pid = fork();
	if (pid == 0) {
		monitor_become_waiter(&options, span, &err);
		_exit(9);
	}
	close(options.lock_fd);
	return pid;
}

static bool is_waiting(void *context)
{
	return read_status(context).state == MONITOR_WAITING;
}

static void waiter_waits_and_becomes_the_start(void **state)
{
	struct harness harness;
	harness_start(&harness, &(struct harness_options){.command = "exit 3"});
	harness_wait(&harness);
	nanoseconds began = time_monotonic();
	pid_t waiter = start_waiter(&harness, NANOSECONDS_PER_SECOND / 4);
	assert_true(harness_wait_for(is_waiting, &harness));
	struct error err = {0};
	int lock, status;
	assert_int_equal(monitor_lock_take(harness.folder_fd, &lock, &err), -1);
	assert_int_equal(waitpid(waiter, &status, 0), waiter);
	assert_int_equal(status, 0);
	assert_true(time_monotonic() - began >= NANOSECONDS_PER_SECOND / 4);
	cleanup_buffer struct buffer arguments = harness_read(&harness, "cleanup");
	static const char words[] = "--root\n/the/root\n--run-root\n/the/run root\ncontainer\nstart-again\n0123abcd\n";
	assert_int_equal(strncmp(buffer_text(&arguments), words, strlen(words)), 0);
	harness_end(&harness);
}

static void waiter_is_ended(void **state)
{
	struct harness harness;
	struct error err = {0};
	int status;
	harness_start(&harness, &(struct harness_options){.command = "exit 3"});
	harness_wait(&harness);
	pid_t waiter = start_waiter(&harness, 3600 * NANOSECONDS_PER_SECOND);
	assert_true(harness_wait_for(is_waiting, &harness));
	assert_int_equal(monitor_end_waiter(harness.folder_fd, &err), 0);
	assert_int_equal(waitpid(waiter, &status, 0), waiter);
	assert_int_equal(monitor_wait(harness.folder_fd, 0, &err), 0);
	/* None is left: success. */
	assert_int_equal(monitor_end_waiter(harness.folder_fd, &err), 0);
	harness_end(&harness);
}

static void lock_is_adopted_by_its_holder_alone(void **state)
{
	struct harness harness;
	struct error err = {0};
	int lock, other;
	harness_start(&harness, &(struct harness_options){.command = "exit 3"});
	harness_wait(&harness);
	assert_int_equal(monitor_lock_take(harness.folder_fd, &lock, &err), 0);
	assert_int_equal(monitor_lock_adopt(harness.folder_fd, lock, &err), 0);
	/* The same file by another way does not have it, and another file is not it. */
	other = openat(harness.folder_fd, "lock", O_RDWR | O_CLOEXEC);
	assert_int_equal(monitor_lock_adopt(harness.folder_fd, other, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	close(other);
	other = openat(harness.folder_fd, "status", O_RDWR | O_CLOEXEC);
	assert_int_equal(monitor_lock_adopt(harness.folder_fd, other, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	close(other);
	close(lock);
	harness_end(&harness);
}

static void status_is_read_strictly(void **state)
{
	static const char *const bad[] = {"",
					  "running\n",
					  "running 0 1\n",
					  "running 1 1",
					  "running 01 1\n",
					  "exited 256 1 0\n",
					  "exited 1 1 2\n",
					  "exited 1 1 0\nx",
					  "running -1 1\n",
					  "running 99999999999 1\n"};
	struct harness harness;
	struct error err = {0};
	struct monitor_status status;
	harness_start(&harness, &(struct harness_options){.command = "true"});
	harness_wait(&harness);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int fd = openat(harness.folder_fd, "status", O_WRONLY | O_TRUNC | O_CLOEXEC);
		assert_int_equal(write_full(fd, bad[i], strlen(bad[i]), &err), 0);
		close(fd);
		assert_int_equal(monitor_status_read(harness.folder_fd, &status, &err), -1);
		assert_int_equal(err.kind, ERROR_CORRUPT);
	}
	unlinkat(harness.folder_fd, "status", 0);
	assert_int_equal(read_status(&harness).state, MONITOR_NONE);
	assert_int_equal(monitor_status_read(-1, &status, &err), 0);
	assert_int_equal(status.state, MONITOR_NONE);
	harness_end(&harness);
}

/* The folder goes with --rm while somebody waits. */
static void exit_code_survives_the_folder(void **state)
{
	struct harness harness;
	harness_start(&harness, &(struct harness_options){.command = "sleep 0.3; exit 6",
							  .cleanup = "rm -f ${0%/*}/lock "
								     "${0%/*}/status"});
	struct error err = {0};
	struct monitor_status status;
	assert_int_equal(monitor_wait_exit(harness.folder_fd, &status, &err), 0);
	assert_int_equal(status.state, MONITOR_EXITED);
	assert_int_equal(status.exit_code, 6);
	assert_int_equal(read_status(&harness).state, MONITOR_NONE);
	harness_end(&harness);
}

static void full_disk_stops_nothing(void **state)
{
	struct harness harness;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(full >= 0);
	harness_start(&harness,
		      &(struct harness_options){.command = "seq 1 100000; exit 2", .client = true, .log_fd = full});
	cleanup_buffer struct buffer text = BUFFER_INIT(1 << 24);
	assert_int_equal(harness_collect(harness.client_fd, FRAME_STDOUT, &text), 2);
	assert_int_equal(text.size, 588895);
	harness_wait(&harness);
	harness_end(&harness);
}

static long read_pss(pid_t pid)
{
	struct error err = {0};
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	cleanup_free char *path = format_string("/proc/%d/smaps_rollup", (int)pid);
	if (read_file_at(AT_FDCWD, path, 65536, &text, &err) < 0)
		return -1;
	char *line = strstr(text.bytes, "\nPss:");
	return line ? strtol(line + 5, NULL, 10) : -1;
}

static void idle_monitor_is_small(void **state)
{
	struct harness harness;
	harness_start(&harness, &(struct harness_options){.command = "seq 1 200000; echo end; sleep 100"});
	poll(NULL, 0, 1500);
	long pss = read_pss(harness.monitor);
	print_message("PSS of an idle monitor: %ld kB\n", pss);
#if !defined(__SANITIZE_ADDRESS__)
	assert_true(pss > 0 && pss < 300);
#endif
	/* It works on after its sleep. */
	kill(harness.monitor, SIGTERM);
	assert_int_equal(harness_wait(&harness).exit_code, 143);
	harness_end(&harness);
}

int main(int count, char **arguments)
{
	if (count < 2)
		return 2;
	harness_program = arguments[1];
	if (count > 2)
		cmocka_set_test_filter(arguments[2]);
	alarm(120);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_codes),
		cmocka_unit_test(cleanup_gets_its_arguments_and_holds_the_lock),
		cmocka_unit_test(both_streams_are_logged),
		cmocka_unit_test(long_lines_are_parted),
		cmocka_unit_test(ten_megabytes_arrive_whole),
		cmocka_unit_test(client_that_sleeps_gets_the_end),
		cmocka_unit_test(input_goes_round),
		cmocka_unit_test(signal_overtakes_input_that_is_not_read),
		cmocka_unit_test(broken_frames_disconnect),
		cmocka_unit_test(attach_later_and_terminate),
		cmocka_unit_test(terminal_has_size_and_echo),
		cmocka_unit_test(killed_monitor_is_lost),
		cmocka_unit_test(waiter_waits_and_becomes_the_start),
		cmocka_unit_test(waiter_is_ended),
		cmocka_unit_test(lock_is_adopted_by_its_holder_alone),
		cmocka_unit_test(status_is_read_strictly),
		cmocka_unit_test(exit_code_survives_the_folder),
		cmocka_unit_test(full_disk_stops_nothing),
		cmocka_unit_test(idle_monitor_is_small),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
