/*
 * One poll loop without threads. Signals come through a signalfd, so that there is no way out which does not restore
 * the terminal, and that output which somebody is slow to read never makes this process deaf: while output waits, the
 * connection is not read, but signals and input go on.
 *
 * A signal that ends us (with a terminal, where none is passed on) and a broken pipe are carried out as the kernel
 * would have done: terminal and signal mask are put back, and the signal is raised again. The container goes on, as
 * with Docker.
 */
#include "monitor/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "monitor/detach_keys.h"
#include "monitor/protocol.h"

/* A pipe or terminal that polls as writable takes as much without blocking. */
#define SURE_WRITE 4096

struct attach {
	const struct attach_options *options;
	struct detach_keys keys;
	int signal_fd;
	sigset_t caller_mask;
	bool is_raw;
	struct termios caller_terminal;
	bool input_open;
	uint32_t room;		  /* bytes of input that may be sent */
	bool has_plain_output[3]; /* index: descriptor; RWF_NOWAIT does not work there */
	char output[1 + FRAME_LIMIT];
	size_t output_size, output_sent; /* of output, its kind not counted */
	int output_fd;
	bool has_ended, has_exit, has_detached;
	int exit_code;
};

static void restore(struct attach *attach)
{
	if (attach->is_raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &attach->caller_terminal);
	attach->is_raw = false;
	if (attach->signal_fd >= 0) {
		close(attach->signal_fd);
		attach->signal_fd = -1;
		sigprocmask(SIG_SETMASK, &attach->caller_mask, NULL);
	}
}

static int die_by(struct attach *attach, int number, struct error *err)
{
	restore(attach);
	raise(number);
	/* Ignored by our parent's wish. */
	return error_set(err, ERROR_CANCELLED, "the connection to the container was ended by signal %d (%s)", number,
			 sigabbrev_np(number));
}

static void add_unless_ignored(sigset_t *set, int number)
{
	struct sigaction action;
	/* A signal that is blocked comes even if it is ignored: nohup must stay what it is. */
	if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
		sigaddset(set, number);
}

static int watch_signals(struct attach *attach, struct error *err)
{
	static const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	static const int passed[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGPWR};
	sigset_t set;
	sigemptyset(&set);
	if (attach->options->terminal)
		sigaddset(&set, SIGWINCH);
	for (size_t i = 0; attach->options->terminal && i < ARRAY_SIZE(ending); i++)
		add_unless_ignored(&set, ending[i]);
	for (size_t i = 0; attach->options->pass_signals && i < ARRAY_SIZE(passed); i++)
		add_unless_ignored(&set, passed[i]);
	/* Above the standard ones, which may be closed: else it would be taken for our input. */
	cleanup_close int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	attach->signal_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (attach->signal_fd < 0)
		return error_set_errno(err, errno, "watch for signals");
	/* Blocked, but not read: it is raised again after the terminal is restored. */
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, &attach->caller_mask);
	return 0;
}

static int make_raw(struct attach *attach, struct error *err)
{
	if (!attach->options->terminal || !attach->options->input || !isatty(STDIN_FILENO))
		return 0;
	if (tcgetattr(STDIN_FILENO, &attach->caller_terminal) < 0)
		return error_set_errno(err, errno, "read the terminal's settings");
	struct termios raw = attach->caller_terminal;
	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	attach->is_raw = true;
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
		return error_set_errno(err, errno, "make the terminal raw");
	return 0;
}

/* A monitor that is gone takes no more input; its end is seen where we read. */
static void send_frame(struct attach *attach, char kind, const void *bytes, size_t size)
{
	struct iovec parts[] = {{&kind, 1}, {(void *)bytes, size}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t sent;
	do
		sent = sendmsg(attach->options->connection_fd, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		attach->input_open = false;
}

static void send_size(struct attach *attach)
{
	struct winsize window;
	if (!attach->options->terminal ||
	    (ioctl(STDIN_FILENO, TIOCGWINSZ, &window) < 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) < 0))
		return;
	struct frame_resize size = {.rows = window.ws_row, .columns = window.ws_col};
	send_frame(attach, FRAME_RESIZE, &size, sizeof size);
}

static int handle_signals(struct attach *attach, struct error *err)
{
	struct signalfd_siginfo info;
	while (attach->signal_fd >= 0 && read_some(attach->signal_fd, &info, sizeof info) == sizeof info) {
		unsigned char number = (unsigned char)info.ssi_signo;
		if (number == SIGWINCH)
			send_size(attach);
		else if (attach->options->pass_signals)
			send_frame(attach, FRAME_SIGNAL, &number, 1);
		else
			return die_by(attach, number, err);
	}
	return 0;
}

static void read_input(struct attach *attach)
{
	char typed[FRAME_LIMIT];
	char sent[FRAME_LIMIT + MAX_DETACH_KEYS];
	size_t limit = FRAME_LIMIT - MAX_DETACH_KEYS;
	if (limit > attach->room - MAX_DETACH_KEYS)
		limit = attach->room - MAX_DETACH_KEYS;
	ssize_t got = read_some(STDIN_FILENO, typed, limit);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		/* Keys that were held back are the container's. */
		if (attach->keys.matched > 0)
			send_frame(attach, FRAME_STDIN, attach->keys.keys, attach->keys.matched);
		if (!attach->options->terminal)
			send_frame(attach, FRAME_STDIN, NULL, 0);
		attach->input_open = false;
		return;
	}
	size_t size;
	attach->has_detached = detach_keys_filter(&attach->keys, typed, (size_t)got, sent, &size);
	if (size == 0)
		return;
	attach->room -= (uint32_t)size;
	send_frame(attach, FRAME_STDIN, sent, size);
}

static int take_frame(struct attach *attach, size_t size, struct error *err)
{
	char *payload = attach->output + 1;
	uint32_t window;
	switch (attach->output[0]) {
	case FRAME_STDOUT:
	case FRAME_STDERR:
		attach->output_fd = attach->output[0] == FRAME_STDOUT ? STDOUT_FILENO : STDERR_FILENO;
		attach->output_size = size - 1;
		attach->output_sent = 0;
		if (attach->output[0] == FRAME_STDOUT ? attach->options->hides_output : attach->options->hides_problems)
			attach->output_size = 0;
		return 0;
	case FRAME_WINDOW:
		if (size != 1 + sizeof window)
			break;
		memcpy(&window, payload, sizeof window);
		if (window > INPUT_WINDOW - attach->room)
			break;
		attach->room += window;
		return 0;
	case FRAME_EXIT:
		if (size != 2)
			break;
		attach->has_exit = true;
		attach->exit_code = (unsigned char)payload[0];
		return 0;
	}
	return error_set(err, ERROR_CORRUPT, "the container's monitor sent a frame that breaks the protocol");
}

static int read_connection(struct attach *attach, struct error *err)
{
	ssize_t got =
		recv(attach->options->connection_fd, attach->output, sizeof attach->output, MSG_TRUNC | MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got < 0 && errno != ECONNRESET)
		return error_set_errno(err, errno, "read from the container's monitor");
	if (got <= 0) {
		attach->has_ended = true;
		return 0;
	}
	if (got > (ssize_t)sizeof attach->output)
		return error_set(err, ERROR_CORRUPT, "the container's monitor sent a frame of %zd bytes", got);
	return take_frame(attach, (size_t)got, err);
}

/* As much as goes without waiting. The descriptor's own flags are shared with others, so they are left alone. */
static ssize_t write_now(struct attach *attach, const char *bytes, size_t size)
{
	int fd = attach->output_fd;
	struct iovec part = {(void *)bytes, size};
	if (!attach->has_plain_output[fd]) {
		ssize_t put = pwritev2(fd, &part, 1, -1, RWF_NOWAIT);
		if (put >= 0 || (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS))
			return put;
		attach->has_plain_output[fd] = true;
	}
	struct stat info;
	if (fstat(fd, &info) < 0)
		return -1;
	if (S_ISREG(info.st_mode))
		return write(fd, bytes, size);
	struct pollfd wanted = {.fd = fd, .events = POLLOUT};
	if (poll(&wanted, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(fd, bytes, size < SURE_WRITE ? size : SURE_WRITE);
}

static int write_output(struct attach *attach, struct error *err)
{
	while (attach->output_sent < attach->output_size) {
		ssize_t put = write_now(attach, attach->output + 1 + attach->output_sent,
					attach->output_size - attach->output_sent);
		if (put >= 0) {
			attach->output_sent += (size_t)put;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN)
			return 0;
		const char *name = attach->output_fd == STDOUT_FILENO ? "output" : "error";
		int number = errno;
		if (number == EPIPE)
			die_by(attach, SIGPIPE, err);
		return error_set_errno(err, number, "write the container's output to our standard %s", name);
	}
	return 0;
}

static int run(struct attach *attach, struct error *err)
{
	enum { SIGNALS, CONNECTION, INPUT, OUTPUT };
	while (!attach->has_ended && !attach->has_detached) {
		bool is_writing = attach->output_sent < attach->output_size;
		/* The held-back keys may have to be sent, too. */
		bool is_reading = attach->input_open && !attach->has_exit && attach->room > MAX_DETACH_KEYS;
		struct pollfd wanted[] = {
			[SIGNALS] = {.fd = attach->signal_fd, .events = POLLIN},
			[CONNECTION] = {.fd = is_writing ? -1 : attach->options->connection_fd, .events = POLLIN},
			[INPUT] = {.fd = is_reading ? STDIN_FILENO : -1, .events = POLLIN},
			[OUTPUT] = {.fd = is_writing ? attach->output_fd : -1, .events = POLLOUT},
		};
		if (poll(wanted, ARRAY_SIZE(wanted), -1) < 0) {
			if (errno == EINTR)
				continue;
			return error_set_errno(err, errno, "wait for the container's output");
		}
		if (wanted[SIGNALS].revents && handle_signals(attach, err) < 0)
			return -1;
		if (wanted[CONNECTION].revents && read_connection(attach, err) < 0)
			return -1;
		if (wanted[INPUT].revents)
			read_input(attach);
		if (write_output(attach, err) < 0)
			return -1;
	}
	return 0;
}

int attach_run(const struct attach_options *options, enum attach_end *ret_end, int *ret_exit_code, struct error *err)
{
	CLEANUP(restore)
	struct attach attach = {
		.options = options,
		.signal_fd = -1,
		.input_open = options->input,
		.room = INPUT_WINDOW,
	};
	if (options->terminal && detach_keys_parse(options->detach_keys, &attach.keys, err) < 0)
		return -1;
	if (watch_signals(&attach, err) < 0 || make_raw(&attach, err) < 0)
		return -1;
	send_size(&attach);
	if (run(&attach, err) < 0)
		return -1;
	if (!attach.has_detached && !attach.has_exit)
		return error_set(
			err, ERROR_SYSTEM,
			"the connection to the container ended without its exit code: its monitor has died, or "
			"has left us behind since we did not read");
	if (attach.has_exit)
		*ret_exit_code = attach.exit_code;
	*ret_end = attach.has_exit ? ATTACH_EXITED : ATTACH_DETACHED;
	return 0;
}
