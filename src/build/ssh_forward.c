#include "build/ssh_forward.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"
#include "base/random.h"
#include "base/time.h"
#include "build/ssh_proxy.h"

#define DEFAULT_ID	  "default"
#define SOCKET_NAME	  "socket" /* the step's */
#define AGENT_NAME	  "agent"  /* that of the agent we start */
#define AGENT_TIMEOUT	  (10 * NANOSECONDS_PER_SECOND)
#define LISTEN_QUEUE	  16
#define SOCKET_PATH_LIMIT sizeof(struct sockaddr_un){0}.sun_path

/* One --ssh. */
struct source {
	char *id;
	struct string_list paths;
	bool is_socket; /* paths is one of an agent; else they are keys */
};

static void source_release(struct source *source)
{
	free(source->id);
	string_list_release(&source->paths);
}

static int look_at_paths(struct source *source, struct error *err)
{
	size_t sockets = 0;
	for (size_t i = 0; i < source->paths.count; i++) {
		struct stat status;
		if (stat(source->paths.items[i], &status) < 0)
			return error_set_errno(err, errno, "stat %s", source->paths.items[i]);
		sockets += S_ISSOCK(status.st_mode);
		if (!S_ISSOCK(status.st_mode) && !S_ISREG(status.st_mode))
			return error_set(err, ERROR_INVALID, "%s is neither a socket nor a key file",
					 source->paths.items[i]);
	}
	if (sockets > 1)
		return error_set(err, ERROR_INVALID, "only single socket allowed");
	if (sockets && source->paths.count > 1)
		return error_set(err, ERROR_INVALID, "invalid combination of keys and sockets");
	source->is_socket = sockets == 1;
	return 0;
}

static int parse(const char *text, struct source *ret_source, struct error *err)
{
	CLEANUP(source_release) struct source source = {0};
	size_t length = strcspn(text, "=");
	source.id = length ? duplicate_bytes(text, length) : duplicate_string(DEFAULT_ID);
	for (const char *at = text[length] ? text + length + 1 : ""; *at;) {
		size_t size = strcspn(at, ",");
		if (size)
			string_list_take(&source.paths, duplicate_bytes(at, size));
		at += size + (at[size] == ',');
	}
	if (!source.paths.count) {
		const char *agent = getenv("SSH_AUTH_SOCK");
		if (!agent || !*agent)
			return error_set(err, ERROR_INVALID,
					 "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set");
		string_list_add(&source.paths, agent);
	}
	if (look_at_paths(&source, err) < 0)
		return error_wrap(err, "failed to convert agent config for ID: \"%s\"", source.id);
	*ret_source = source;
	source = (struct source){0};
	return 0;
}

int ssh_forward_check(const struct string_list *texts, struct error *err)
{
	cleanup_string_list struct string_list ids = {0};
	for (size_t i = 0; i < texts->count; i++) {
		CLEANUP(source_release) struct source source = {0};
		if (parse(texts->items[i], &source, err) < 0)
			return -1;
		if (string_list_contains(&ids, source.id))
			return error_set(err, ERROR_INVALID, "duplicate agent ID \"%s\"", source.id);
		string_list_add(&ids, source.id);
	}
	return 0;
}

void ssh_forward_stop(struct ssh_forward *forward)
{
	const pid_t pids[] = {forward->proxy, forward->agent};
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		if (pids[i] <= 0)
			continue;
		kill(pids[i], SIGKILL);
		while (waitpid(pids[i], NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (forward->socket_fd >= 0)
		close(forward->socket_fd);
	if (forward->folder)
		remove_tree_at(forward->run_root_fd, forward->folder, NULL);
	free(forward->folder);
	*forward = SSH_FORWARD_INIT;
}

/* ssh-agent has a setgid bit, by which it would outlive a build that is killed. */
static int run(char *const *arguments, char *const *environment, int input_fd, pid_t *ret_pid, struct error *err)
{
	const struct process_options options = {
		.arguments = arguments,
		.environment = environment,
		.standard_fds = {input_fd, -1, -1},
		.new_session = true,
		.parent_death_signal = SIGKILL,
		.no_new_privileges = true,
	};
	return process_start(&options, ret_pid, err);
}

/* The key comes from standard input: whoever may read it may use it, whatever the mode of its file is. */
static int add_key(const char *program, const char *socket_path, const char *key, struct error *err)
{
	cleanup_close int fd = open(key, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", key);
	cleanup_free char *variable = format_string("SSH_AUTH_SOCK=%s", socket_path);
	cleanup_free char *path = duplicate_string(program);
	char quiet[] = "-q", from_input[] = "-", never[] = "SSH_ASKPASS_REQUIRE=never";
	char *const arguments[] = {path, quiet, from_input, NULL};
	char *const environment[] = {variable, never, NULL};
	pid_t pid;
	int status;
	if (run(arguments, environment, fd, &pid, err) < 0 || process_wait(pid, &status, err) < 0)
		return -1;
	return status == 0 ? 0
			   : error_set(err, ERROR_INVALID,
				       "failed to parse %s: ssh-add takes no such key; one with a passphrase has to be "
				       "in an agent already",
				       key);
}

static int wait_for_socket(const char *path, pid_t pid, struct error *err)
{
	nanoseconds deadline = time_monotonic() + AGENT_TIMEOUT;
	const struct timespec pause = {.tv_nsec = 1000000};
	struct stat status;
	while (stat(path, &status) < 0) {
		if (kill(pid, 0) < 0 || time_monotonic() > deadline)
			return error_set(err, ERROR_SYSTEM, "ssh-agent does not make its socket %s", path);
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int start_agent(const struct source *source, const char *path, struct ssh_forward *forward, struct error *err)
{
	cleanup_free char *agent = process_find_program("ssh-agent"), *add = process_find_program("ssh-add");
	cleanup_free char *socket_path = duplicate_string(path);
	char foreground[] = "-D", address[] = "-a";
	if (!agent || !add)
		return error_set(err, ERROR_UNSUPPORTED,
				 "keys of --ssh need ssh-agent and ssh-add: install openssh-client");
	char *const arguments[] = {agent, foreground, address, socket_path, NULL};
	if (run(arguments, NULL, -1, &forward->agent, err) < 0 || wait_for_socket(path, forward->agent, err) < 0)
		return -1;
	for (size_t i = 0; i < source->paths.count; i++)
		if (add_key(add, path, source->paths.items[i], err) < 0)
			return -1;
	return 0;
}

/* A socket is bound by a path, and those are short: through the folder's descriptor it always is. */
static int listen_in(int folder_fd, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" SOCKET_NAME, folder_fd);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, LISTEN_QUEUE) < 0)
		return error_set_errno(err, errno, "make the socket of an SSH agent");
	return steal_fd(&fd);
}

static int start(const struct source *source, const char *run_root, struct ssh_forward *forward, struct error *err)
{
	char random[17];
	random_hex(random, 16);
	forward->folder = format_string("build-%d-%s", (int)getpid(), random);
	cleanup_close int folder = open_folder_at(forward->run_root_fd, forward->folder, true, 0700, err);
	if (folder < 0)
		return -1;
	cleanup_free char *agent_path = source->is_socket
						? duplicate_string(source->paths.items[0])
						: format_string("%s/%s/" AGENT_NAME, run_root, forward->folder);
	if (strlen(agent_path) >= SOCKET_PATH_LIMIT)
		return error_set(err, ERROR_INVALID, "the path of an SSH agent's socket is too long: %s", agent_path);
	if (!source->is_socket && start_agent(source, agent_path, forward, err) < 0)
		return -1;
	cleanup_close int listener = listen_in(folder, err);
	if (listener < 0 || ssh_proxy_start(listener, agent_path, &forward->proxy, err) < 0)
		return -1;
	forward->socket_fd = openat(folder, SOCKET_NAME, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return forward->socket_fd < 0 ? error_set_errno(err, errno, "open the socket of an SSH agent") : 0;
}

int ssh_forward_start(const struct string_list *texts, const char *id, int run_root_fd, const char *run_root,
		      struct ssh_forward *ret_forward, struct error *err)
{
	for (size_t i = 0; i < texts->count; i++) {
		CLEANUP(source_release) struct source source = {0};
		if (parse(texts->items[i], &source, err) < 0)
			return -1;
		if (strcmp(source.id, id) != 0)
			continue;
		CLEANUP(ssh_forward_stop) struct ssh_forward forward = SSH_FORWARD_INIT;
		forward.run_root_fd = run_root_fd;
		if (start(&source, run_root, &forward, err) < 0)
			return error_wrap(err, "SSH agent %s", id);
		*ret_forward = forward;
		forward = SSH_FORWARD_INIT;
		return 1;
	}
	return 0;
}
