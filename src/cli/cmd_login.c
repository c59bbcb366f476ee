#include <errno.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/command.h"
#include "engine/login.h"

#define PASSWORD_LIMIT ((size_t)64 * 1024)

static void drop_line_end(char *text)
{
	size_t length = strlen(text);
	while (length && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		text[--length] = '\0';
}

static int read_password(char **ret_password, struct error *err)
{
	cleanup_buffer struct buffer text = {0};
	if (read_fd(STDIN_FILENO, PASSWORD_LIMIT, &text, err) < 0)
		return error_wrap(err, "read the password from standard input");
	char *password = buffer_steal(&text);
	drop_line_end(password);
	*ret_password = password;
	return 0;
}

/* One line from the terminal; a secret is not shown. */
static int ask(const char *question, bool is_secret, char **ret_answer, struct error *err)
{
	if (!isatty(STDIN_FILENO))
		return error_set(err, ERROR_INVALID, "Cannot perform an interactive login from a non TTY device");
	struct termios before, hidden;
	tcgetattr(STDIN_FILENO, &before);
	hidden = before;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	/* Before the question: whoever answers at once is neither seen nor lost. */
	if (is_secret)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	printf("%s", question);
	fflush(stdout);
	char *line = NULL;
	size_t size = 0;
	ssize_t length = getline(&line, &size, stdin);
	if (is_secret) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		printf("\n");
	}
	if (length <= 0) {
		free(line);
		return error_set(err, ERROR_CANCELLED, "no answer was given");
	}
	drop_line_end(line);
	*ret_answer = line;
	return 0;
}

int cmd_login(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const char *username_option = NULL, *password_option = NULL;
	bool from_stdin = false, verify = true;
	const struct option options[] = {
		OPTION_STRING('p', "password", &password_option, "string", "Password or Personal Access Token (PAT)"),
		OPTION_FLAG(0, "password-stdin", &from_stdin,
			    "Take the Password or Personal Access Token (PAT) from stdin"),
		OPTION_TLS_VERIFY(&verify),
		OPTION_STRING('u', "username", &username_option, "string", "Username"),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (from_stdin && password_option)
		return error_set(err, ERROR_INVALID, "--password and --password-stdin are mutually exclusive");
	if (from_stdin && !username_option)
		return error_set(err, ERROR_INVALID, "Must provide --username with --password-stdin");
	if (password_option)
		fprintf(stderr, "WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
	cleanup_free char *username = NULL;
	cleanup_free char *password = NULL;
	cleanup_free char *domain = registry_domain_of(count ? arguments[0] : NULL);
	cleanup_free char *path = NULL;
	if (username_option && *username_option)
		username = duplicate_string(username_option);
	if (password_option && *password_option)
		password = duplicate_string(password_option);
	if (from_stdin && read_password(&password, err) < 0)
		return -1;
	if (!username && ask("Username: ", false, &username, err) < 0)
		return -1;
	if (!*username)
		return error_set(err, ERROR_INVALID, "Non-null Username Required");
	if (!password && ask("Password: ", true, &password, err) < 0)
		return -1;
	if (!*password)
		return error_set(err, ERROR_INVALID, "Password Required");
	if (registry_login(domain, username, password, !verify, &path, err) < 0)
		return -1;
	if (path)
		fprintf(stderr,
			"\nWARNING! Your credentials are stored unencrypted in '%s'.\n"
			"Configure a credential helper to remove this warning. See\n"
			"https://docs.docker.com/go/credential-store/\n\n",
			path);
	printf("Login Succeeded\n");
	return 0;
}
