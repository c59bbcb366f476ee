#include "transfer/client.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"
#include "transfer/error_kind.h"
#include "transfer/protocol.h"

#define ANSWER_LINE_LIMIT ((size_t)16 * 1024 * 1024) /* a manifest as text in JSON */
#define READ_CHUNK	  ((size_t)64 * 1024)

struct program {
	pid_t pid;
	int request_fd, answer_fd; /* owned */
};

static struct program prepared; /* pid 0: none */

struct answer {
	void (*on_event)(void *context, const json_t *event);
	void *context;
	json_t *done; /* owned, NULL until it came */
	bool failed;
};

static int program_path(char **ret_path, struct error *err)
{
	const char *folder = getenv("CORACLE_LIBEXEC");
	if (folder && *folder) {
		*ret_path = format_string("%s/coracle-transfer", folder);
		return 0;
	}
	cleanup_free char *own = NULL;
	if (process_executable_folder(&own, err) < 0)
		return -1;
	*ret_path = format_string("%s/../libexec/coracle/coracle-transfer", own);
	return 0;
}

/* A socket rather than a pipe as its standard input: MSG_NOSIGNAL, should it end before it has read everything. */
static int start(struct program *ret_program, struct error *err)
{
	cleanup_free char *path = NULL;
	if (program_path(&path, err) < 0)
		return -1;
	int request[2];
	int answers[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, request) < 0)
		return error_set_errno(err, errno, "make a socket pair");
	cleanup_close int request_ours = request[0];
	cleanup_close int request_theirs = request[1];
	if (pipe2(answers, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "make a pipe");
	cleanup_close int answers_ours = answers[0];
	cleanup_close int answers_theirs = answers[1];
	char *arguments[] = {path, NULL};
	struct process_options options = {
		.arguments = arguments,
		.standard_fds = {request_theirs, -1, STDERR_FILENO},
		.fds = {{answers_theirs, TRANSFER_ANSWER_FD}},
		.fd_count = 1,
		.parent_death_signal = SIGTERM,
	};
	struct program program = {0};
	if (process_start(&options, &program.pid, err) < 0)
		return error_wrap(err, "start the program that speaks to registries");
	program.request_fd = steal_fd(&request_ours);
	program.answer_fd = steal_fd(&answers_ours);
	*ret_program = program;
	return 0;
}

void transfer_prepare(void)
{
	if (!prepared.pid)
		start(&prepared, NULL);
}

static void send_request(int fd, const json_t *request)
{
	cleanup_free char *text = json_text(request);
	size_t size = strlen(text);
	for (size_t sent = 0; sent < size;) {
		ssize_t got = send(fd, text + sent, size - sent, MSG_NOSIGNAL);
		if (got < 0 && errno != EINTR)
			break; /* it ended early, and its answer or its exit says why */
		sent += got > 0 ? (size_t)got : 0;
	}
	explicit_bzero(text, size);
}

static int handle_line(struct answer *answer, const char *line, size_t size, struct error *err)
{
	cleanup_json json_t *event = NULL;
	const char *name;
	if (json_parse(line, size, &event, err) < 0 || json_need_string(event, "event", &name, err) < 0)
		return -1;
	if (strcmp(name, "layer") == 0) {
		if (answer->on_event)
			answer->on_event(answer->context, event);
		return 0;
	}
	if (strcmp(name, "done") == 0) {
		json_decref(answer->done);
		answer->done = json_incref(event);
		return 0;
	}
	if (strcmp(name, "error") == 0) {
		const char *kind;
		const char *message;
		if (json_need_string(event, "kind", &kind, err) < 0 ||
		    json_need_string(event, "message", &message, err) < 0)
			return -1;
		answer->failed = true;
		return error_set(err, error_kind_from_name(kind), "%s", message);
	}
	return 0; /* of a newer helper */
}

static int read_answers(int fd, struct answer *answer, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(ANSWER_LINE_LIMIT);
	cleanup_free char *chunk = allocate(READ_CHUNK);
	for (;;) {
		ssize_t got = read_some(fd, chunk, READ_CHUNK);
		if (got < 0)
			return error_set_errno(err, errno, "read");
		if (got == 0)
			return 0;
		if (buffer_append(&text, chunk, (size_t)got, err) < 0)
			return -1;
		size_t used = 0;
		for (char *end; (end = memchr(text.bytes + used, '\n', text.size - used));) {
			size_t size = (size_t)(end - text.bytes) - used;
			if (handle_line(answer, text.bytes + used, size, err) < 0)
				return -1;
			used += size + 1;
		}
		buffer_consume(&text, used);
	}
}

int transfer_request(const json_t *request, void (*on_event)(void *context, const json_t *event), void *context,
		     json_t **ret_done, struct error *err)
{
	struct program program = prepared;
	prepared = (struct program){0};
	if (!program.pid && start(&program, err) < 0)
		return -1;
	send_request(program.request_fd, request);
	close(program.request_fd);
	struct answer answer = {.on_event = on_event, .context = context};
	int outcome = read_answers(program.answer_fd, &answer, err);
	close(program.answer_fd);
	if (outcome < 0 && !answer.failed) {
		kill(program.pid, SIGTERM);
		error_wrap(err, "read what coracle-transfer says");
	}
	int status = 0;
	if (process_wait(program.pid, &status, outcome < 0 ? NULL : err) < 0)
		outcome = -1;
	else if (outcome == 0 && (status != 0 || !answer.done))
		outcome = status > 128 ? error_set(err, ERROR_CANCELLED, "coracle-transfer was ended by signal %d (%s)",
						   status - 128, strsignal(status - 128))
				       : error_set(err, ERROR_SYSTEM,
						   "coracle-transfer ended with exit code %d and no answer", status);
	if (outcome < 0) {
		json_decref(answer.done);
		return -1;
	}
	*ret_done = answer.done;
	return 0;
}
