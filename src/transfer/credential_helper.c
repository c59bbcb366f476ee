#include "transfer/credential_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/process.h"

#define ANSWER_LIMIT ((size_t)256 * 1024)
#define NOT_FOUND    "credentials not found in native keychain"

static bool name_is_valid(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
	return length > 0 && length <= 64 && name[length] == '\0';
}

static int find_program(const char *name, char **ret_path, struct error *err)
{
	if (!name_is_valid(name))
		return error_set(err, ERROR_INVALID, "the name of a credential helper is not valid: %.80s", name);
	cleanup_free char *program = format_string("docker-credential-%s", name);
	*ret_path = process_find_program(program);
	if (*ret_path)
		return 0;
	return error_set(
		err, ERROR_NOT_FOUND,
		"the credential helper docker-credential-%s, which Docker's config.json names, is not on the PATH: "
		"install it, or remove it from \"credsStore\" and \"credHelpers\"",
		name);
}

/*
 * A socketpair rather than a pipe for what it reads: a helper that does not read must not raise SIGPIPE here. And a
 * pipe for what it says: a socket would forget that where the helper ends with something unread.
 */
static int run(const char *path, const char *word, const char *input, struct buffer *ret_answer, int *ret_status,
	       struct error *err)
{
	int pair[2], ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set_errno(err, errno, "make a socket pair");
	cleanup_close int ours = pair[0];
	cleanup_close int theirs = pair[1];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "make a pipe");
	cleanup_close int answer = ends[0];
	cleanup_close int answer_theirs = ends[1];
	char *arguments[] = {(char *)path, (char *)word, NULL};
	struct process_options options = {
		.arguments = arguments, .standard_fds = {theirs, answer_theirs, -1}, .parent_death_signal = SIGTERM};
	pid_t pid;
	if (process_start(&options, &pid, err) < 0)
		return -1;
	close(steal_fd(&theirs));
	close(steal_fd(&answer_theirs));
	for (size_t sent = 0, size = strlen(input); sent < size;) {
		ssize_t got = send(ours, input + sent, size - sent, MSG_NOSIGNAL);
		if (got < 0 && errno != EINTR)
			break;
		sent += got > 0 ? (size_t)got : 0;
	}
	close(steal_fd(&ours));
	int outcome = read_fd(answer, ANSWER_LIMIT, ret_answer, err);
	if (outcome < 0)
		kill(pid, SIGKILL);
	return process_wait(pid, ret_status, outcome < 0 ? NULL : err) < 0 || outcome < 0 ? -1 : 0;
}

/* ret_found is false where the helper says that it has none. */
static int ask(const char *name, const char *word, const char *input, struct buffer *ret_answer, bool *ret_found,
	       struct error *err)
{
	cleanup_free char *path = NULL;
	if (find_program(name, &path, err) < 0)
		return -1;
	int status;
	if (run(path, word, input, ret_answer, &status, err) < 0)
		return error_wrap(err, "%s %s", path, word);
	if (status == 0) {
		*ret_found = true;
		return 0;
	}
	const char *answer = buffer_text(ret_answer);
	size_t length = strcspn(answer, "\r\n");
	if (length == strlen(NOT_FOUND) && strncmp(answer, NOT_FOUND, length) == 0) {
		*ret_found = false;
		return 0;
	}
	return error_set(err, ERROR_UNAUTHORIZED, "%s %s failed with exit code %d: %.*s", path, word, status,
			 (int)(length < 300 ? length : 300), answer);
}

int credential_helper_get(const char *name, const char *server, struct credentials *ret_credentials, struct error *err)
{
	cleanup_buffer struct buffer answer = {0};
	bool found;
	if (ask(name, "get", server, &answer, &found, err) < 0)
		return -1;
	struct credentials credentials = {0};
	if (found) {
		cleanup_json json_t *document = NULL;
		const char *username;
		const char *secret;
		if (json_parse(buffer_text(&answer), answer.size, &document, err) < 0 ||
		    json_need_string(document, "Username", &username, err) < 0 ||
		    json_need_string(document, "Secret", &secret, err) < 0)
			return error_wrap(err, "read what docker-credential-%s answered", name);
		credentials.username = duplicate_string(username);
		credentials.password = duplicate_string(secret);
	}
	*ret_credentials = credentials;
	return 0;
}

int credential_helper_store(const char *name, const char *server, const char *username, const char *password,
			    struct error *err)
{
	cleanup_json json_t *document =
		json_pack("{s:s, s:s, s:s}", "ServerURL", server, "Username", username, "Secret", password);
	if (!document)
		return error_set(err, ERROR_INVALID, "the user's name or password is not UTF-8");
	cleanup_free char *text = json_text(document);
	cleanup_buffer struct buffer answer = {0};
	bool found;
	return ask(name, "store", text, &answer, &found, err);
}

int credential_helper_erase(const char *name, const char *server, bool *ret_found, struct error *err)
{
	cleanup_credentials struct credentials credentials = {0};
	if (credential_helper_get(name, server, &credentials, err) < 0)
		return -1;
	if (!credentials.username) {
		*ret_found = false;
		return 0;
	}
	cleanup_buffer struct buffer answer = {0};
	return ask(name, "erase", server, &answer, ret_found, err);
}
