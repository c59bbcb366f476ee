#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/signals.h"
#include "harness.h"
#include "monitor/client.h"
#include "monitor/detach_keys.h"

#define DETACHED      200
#define CLIENT_FAILED 201

/* attach_run() in a process of its own, as `coracle run` would. -1 for input: closed. Its exit code is the container's.
 */
static pid_t start_client(struct harness *harness, const struct attach_options *options, const int standard[3])
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	if (options->terminal) {
		setsid();
		ioctl(standard[0], TIOCSCTTY, 0);
	}
	for (int fd = 0; fd < 3; fd++)
		if (standard[fd] >= 0)
			dup2(standard[fd], fd);
		else
			close(fd);
	struct attach_options own = *options;
	/* Only 0, 1, 2 and the connection, so that ends of pipes are seen. */
	own.connection_fd = fcntl(harness->client_fd, F_DUPFD, 100);
	close_range(3, 99, 0);
	close_range(101, ~0U, 0);
	struct error err = {0};
	enum attach_end end;
	int code = 0;
	if (attach_run(&own, &end, &code, &err) < 0)
		_exit(CLIENT_FAILED);
	_exit(end == ATTACH_EXITED ? code : DETACHED);
}

static int wait_client(struct harness *harness, pid_t pid)
{
	int status;
	close(harness->client_fd);
	harness->client_fd = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int make_file(const char *text)
{
	struct error err = {0};
	int fd = open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	assert_int_equal(write_full(fd, text, strlen(text), &err), 0);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void check_file(int fd, const char *expected)
{
	struct error err = {0};
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(read_fd(fd, 1 << 24, &text, &err), 0);
	assert_string_equal(buffer_text(&text), expected);
	close(fd);
}

static void streams_and_exit_code(void **state)
{
	struct harness harness;
	harness_start(&harness,
		      &(struct harness_options){.command = "echo out; echo problem >&2; exit 42", .client = true});
	int standard[] = {-1, make_file(""), make_file("")};
	pid_t pid = start_client(&harness, &(struct attach_options){.pass_signals = true}, standard);
	assert_int_equal(wait_client(&harness, pid), 42);
	/* The client returns once the cleanup is done. */
	assert_int_equal(faccessat(harness.folder_fd, "cleanup", F_OK, 0), 0);
	check_file(standard[1], "out\n");
	check_file(standard[2], "problem\n");
	harness_wait(&harness);
	harness_end(&harness);
}

static void any_standard_input(void **state)
{
	int pipe_ends[2];
	assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
	assert_int_equal(write(pipe_ends[1], "piped", 5), 5);
	close(pipe_ends[1]);
	struct {
		int fd;
		const char *expected;
	} cases[] = {{make_file("from a file"), "from a file."},
		     {open("/dev/null", O_RDONLY | O_CLOEXEC), "."},
		     {pipe_ends[0], "piped."},
		     {-1, "."}};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct harness harness;
		harness_start(&harness,
			      &(struct harness_options){.command = "cat; printf .", .client = true, .input = true});
		int standard[] = {cases[i].fd, make_file(""), make_file("")};
		pid_t pid = start_client(&harness, &(struct attach_options){.input = true}, standard);
		assert_int_equal(wait_client(&harness, pid), 0);
		check_file(standard[1], cases[i].expected);
		close(standard[2]);
		close(standard[0]);
		harness_wait(&harness);
		harness_end(&harness);
	}
}

/* Much more than any window, pipe or queue, both ways at once. */
static void megabytes_go_round(void **state)
{
	size_t size = 8 << 20;
	cleanup_free char *block = allocate(size + 1);
	for (size_t i = 0; i < size; i++)
		block[i] = (char)('a' + i % 25);
	struct harness harness;
	harness_start(&harness, &(struct harness_options){.command = "cat", .client = true, .input = true});
	int standard[] = {make_file(block), make_file(""), make_file("")};
	pid_t pid = start_client(&harness, &(struct attach_options){.input = true}, standard);
	assert_int_equal(wait_client(&harness, pid), 0);
	check_file(standard[1], block);
	close(standard[0]);
	close(standard[2]);
	harness_wait(&harness);
	harness_end(&harness);
}

static void signals_are_passed_on(void **state)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct harness harness;
		harness_start(
			&harness,
			&(struct harness_options){
				.command = "for s in INT TERM HUP USR1; do trap \"echo $s; exit 5\" $s; done; echo r;"
					   "while :; do sleep 0.02; done",
				.client = true});
		int out[2];
		assert_int_equal(pipe2(out, O_CLOEXEC), 0);
		int standard[] = {-1, out[1], out[1]};
		pid_t pid = start_client(&harness, &(struct attach_options){.pass_signals = true}, standard);
		char text[16];
		assert_int_equal(read_some(out[0], text, sizeof text), 2);
		kill(pid, numbers[i]);
		assert_int_equal(wait_client(&harness, pid), 5);
		ssize_t got = read_some(out[0], text, sizeof text - 1);
		text[got > 0 ? got - 1 : 0] = '\0';
		assert_string_equal(text, sigabbrev_np(numbers[i]));
		close(out[0]);
		close(out[1]);
		harness_wait(&harness);
		harness_end(&harness);
	}
}

/* Nobody reads our output, which is full: a signal still arrives. And when the reader goes, so do we. */
static void full_output_deafens_nobody(void **state)
{
	struct harness harness;
	harness_start(&harness, &(struct harness_options){
					.command = "trap 'echo x >&2; exit 5' TERM; while :; do seq 1 1000; done",
					.client = true});
	int out[2];
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	int standard[] = {-1, out[1], make_file("")};
	pid_t pid = start_client(&harness, &(struct attach_options){.pass_signals = true}, standard);
	close(out[1]);
	poll(NULL, 0, 300);
	/* Stuck: the container waits for its reader. */
	struct error err = {0};
	assert_int_equal(monitor_wait(harness.folder_fd, NANOSECONDS_PER_SECOND / 10, &err), -1);
	close(out[0]);
	assert_int_equal(wait_client(&harness, pid), 1000 + SIGPIPE);
	/* The container goes on without its client. */
	struct monitor_status status;
	assert_int_equal(monitor_status_read(harness.folder_fd, &status, &err), 0);
	assert_int_equal(status.state, MONITOR_RUNNING);
	kill(harness.container, SIGTERM);
	assert_int_equal(harness_wait(&harness).exit_code, 5);
	close(standard[2]);
	harness_end(&harness);
}

static void killed_monitor_is_an_error(void **state)
{
	struct harness harness;
	harness_start(&harness, &(struct harness_options){.command = "sleep 100", .client = true});
	int standard[] = {-1, make_file(""), make_file("")};
	pid_t pid = start_client(&harness, &(struct attach_options){0}, standard);
	kill(harness.monitor, SIGKILL);
	assert_int_equal(wait_client(&harness, pid), CLIENT_FAILED);
	kill(harness.container, SIGKILL);
	close(standard[1]);
	close(standard[2]);
	harness_end(&harness);
}

struct terminal {
	int master, slave;
	struct termios before;
};

static void open_terminal(struct terminal *terminal)
{
	terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(grantpt(terminal->master) == 0 && unlockpt(terminal->master) == 0);
	char name[64];
	assert_int_equal(ptsname_r(terminal->master, name, sizeof name), 0);
	terminal->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct winsize size = {.ws_row = 40, .ws_col = 100};
	assert_int_equal(ioctl(terminal->master, TIOCSWINSZ, &size), 0);
	assert_int_equal(tcgetattr(terminal->slave, &terminal->before), 0);
}

static void check_restored(struct terminal *terminal)
{
	struct termios after;
	assert_int_equal(tcgetattr(terminal->slave, &after), 0);
	assert_int_equal(after.c_lflag, terminal->before.c_lflag);
	assert_int_equal(after.c_iflag, terminal->before.c_iflag);
	assert_int_equal(after.c_oflag, terminal->before.c_oflag);
	close(terminal->master);
	close(terminal->slave);
}

/* Reads from the user's terminal until `wanted` has come by. */
static void expect(struct terminal *terminal, const char *wanted)
{
	char text[4096];
	size_t used = 0;
	while (!memmem(text, used, wanted, strlen(wanted))) {
		struct pollfd readable = {.fd = terminal->master, .events = POLLIN};
		if (poll(&readable, 1, 20000) != 1)
			fail_msg("no \"%s\" in \"%.*s\"", wanted, (int)used, text);
		ssize_t got = read_some(terminal->master, text + used, sizeof text - used);
		assert_true(got > 0);
		used += (size_t)got;
	}
}

static pid_t start_terminal_client(struct harness *harness, struct terminal *terminal, const char *command)
{
	open_terminal(terminal);
	harness_start(harness,
		      &(struct harness_options){.command = command, .client = true, .input = true, .terminal = true});
	struct attach_options options = {.input = true, .terminal = true, .detach_keys = "ctrl-p,ctrl-q"};
	int standard[] = {terminal->slave, terminal->slave, terminal->slave};
	return start_client(harness, &options, standard);
}

static void type(struct terminal *terminal, const char *text)
{
	assert_int_equal(write(terminal->master, text, strlen(text)), strlen(text));
}

static void terminal_session(void **state)
{
	struct harness harness;
	struct terminal terminal;
	pid_t pid =
		start_terminal_client(&harness, &terminal,
				      "trap 'echo size $(stty size)' WINCH; trap 'echo interrupted' INT; echo ready;"
				      "while :; do read x && echo \"<$x>\"; [ \"$x\" = q ] && exit 3; done");
	expect(&terminal, "ready\r\n");
	type(&terminal, "hello\r");
	expect(&terminal, "<hello>\r\n");
	struct winsize size = {.ws_row = 11, .ws_col = 77};
	assert_int_equal(ioctl(terminal.master, TIOCSWINSZ, &size), 0);
	/* A shell in `read` runs its traps when a line has come. */
	type(&terminal, "\r");
	expect(&terminal, "size 11 77\r\n");
	/* ctrl-c is a character to us and a signal in there. */
	type(&terminal, "\x03");
	expect(&terminal, "interrupted\r\n");
	/* The first of the detach keys alone is the container's. */
	type(&terminal, "\x10z\r");
	expect(&terminal, "<\x10z>\r\n");
	type(&terminal, "q\r");
	assert_int_equal(wait_client(&harness, pid), 3);
	check_restored(&terminal);
	harness_wait(&harness);
	harness_end(&harness);
}

static void terminal_is_restored_on_detach(void **state)
{
	struct harness harness;
	struct terminal terminal;
	pid_t pid = start_terminal_client(&harness, &terminal, "echo ready; read x; exit 8");
	expect(&terminal, "ready\r\n");
	type(&terminal, "\x10\x11");
	assert_int_equal(wait_client(&harness, pid), DETACHED);
	check_restored(&terminal);
	struct error err = {0};
	struct monitor_status status;
	assert_int_equal(monitor_status_read(harness.folder_fd, &status, &err), 0);
	assert_int_equal(status.state, MONITOR_RUNNING);
	kill(harness.container, SIGKILL);
	assert_int_equal(harness_wait(&harness).exit_code, 137);
	harness_end(&harness);
}

static void terminal_is_restored_on_signals(void **state)
{
	static const int numbers[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct harness harness;
		struct terminal terminal;
		pid_t pid = start_terminal_client(&harness, &terminal, "echo ready; sleep 100");
		expect(&terminal, "ready\r\n");
		kill(pid, numbers[i]);
		assert_int_equal(wait_client(&harness, pid), 1000 + numbers[i]);
		check_restored(&terminal);
		kill(harness.container, SIGKILL);
		harness_wait(&harness);
		harness_end(&harness);
	}
}

static void detach_keys_are_parsed(void **state)
{
	struct error err = {0};
	struct detach_keys keys;
	assert_int_equal(detach_keys_parse("ctrl-p,ctrl-q", &keys, &err), 0);
	assert_int_equal(keys.count, 2);
	assert_memory_equal(keys.keys, "\x10\x11", 2);
	assert_int_equal(detach_keys_parse("a,ctrl-@,ctrl-[,ctrl-_", &keys, &err), 0);
	assert_memory_equal(keys.keys, "a\0\x1b\x1f", 4);
	assert_int_equal(detach_keys_parse(NULL, &keys, &err), 0);
	assert_int_equal(keys.count, 0);
	static const char *const bad[] = {
		"ctrl-", "ctrl-A", "ctrl-pp", "ab", "a,,b", ",a", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(detach_keys_parse(bad[i], &keys, &err), -1);
}

static void detach_keys_are_found(void **state)
{
	struct error err = {0};
	struct detach_keys keys;
	char out[64];
	size_t size;
	assert_int_equal(detach_keys_parse("a,b,c", &keys, &err), 0);
	assert_false(detach_keys_filter(&keys, "xab", 3, out, &size));
	assert_int_equal(size, 1);
	assert_false(detach_keys_filter(&keys, "ab", 2, out, &size));
	assert_int_equal(size, 2);
	assert_memory_equal(out, "ab", 2);
	assert_true(detach_keys_filter(&keys, "cy", 2, out, &size));
	assert_int_equal(size, 0);
	assert_int_equal(detach_keys_parse("", &keys, &err), 0);
	assert_false(detach_keys_filter(&keys, "abc", 3, out, &size));
	assert_int_equal(size, 3);
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
		cmocka_unit_test(detach_keys_are_parsed),
		cmocka_unit_test(detach_keys_are_found),
		cmocka_unit_test(streams_and_exit_code),
		cmocka_unit_test(any_standard_input),
		cmocka_unit_test(megabytes_go_round),
		cmocka_unit_test(signals_are_passed_on),
		cmocka_unit_test(full_output_deafens_nobody),
		cmocka_unit_test(killed_monitor_is_an_error),
		cmocka_unit_test(terminal_session),
		cmocka_unit_test(terminal_is_restored_on_detach),
		cmocka_unit_test(terminal_is_restored_on_signals),
	};
	/* Whoever runs us may ignore what the clients here are to die of. */
	signals_reset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
