#include "build/git.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/string_list.h"
#include "build/content.h"
#include "build/secret.h"

#define OUTPUT_LIMIT	  ((size_t)1024 * 1024) /* of standard output: a list of refs, an id */
#define MESSAGES_LIMIT	  ((size_t)16 * 1024)	/* of standard error: the end of it */
#define POLL_MILLISECONDS 100			/* a signal that comes before the wait is seen after it */
#define FILE_LIMIT	  (16ULL << 30)		/* of each file that git writes */

volatile sig_atomic_t git_is_running, git_is_interrupted;

void git_commit_release(struct git_commit *commit)
{
	free(commit->id);
	free(commit->ref);
	free(commit->tag);
	*commit = (struct git_commit){0};
}

void git_checkout_release(struct git_checkout *checkout)
{
	if (checkout->folder_fd >= 0)
		close(checkout->folder_fd);
	layer_staging_release(&checkout->staging);
	free(checkout->path);
	*checkout = GIT_CHECKOUT_INIT;
}

/* Whatever the URL is redirected to, or a submodule names, may be as safe as the URL itself, or safer. */
static const char *allowed_protocols(const char *url)
{
	if (strncmp(url, "https:", 6) == 0)
		return "https";
	if (strncmp(url, "http:", 5) == 0)
		return "http:https";
	return strncmp(url, "git:", 4) == 0 ? "git:http:https" : "ssh:https";
}

/* "https://host:port/", or NULL where it has no such part; owned by the caller. */
static char *origin_of(const char *url)
{
	const char *host = strstr(url, "://");
	return host ? duplicate_bytes(url, (size_t)(host - url) + 3 + strcspn(host + 3, "/")) : NULL;
}

static bool may_authorize(const char *url)
{
	static const char *const starts[] = {"https://", "http://127.0.0.1:", "http://127.0.0.1/",
					     "http://localhost:", "http://localhost/"};
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (strncmp(url, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

static int find_secret(const struct string_list *secrets, const char *name, const char *host, struct buffer *ret_text,
		       struct error *err)
{
	cleanup_free char *own = format_string("%s.%s", name, host);
	int found = secret_read(secrets, own, ret_text, err);
	return found != 0 ? found : secret_read(secrets, name, ret_text, err);
}

static int take_header(struct remote_source *source, const struct buffer *text, bool is_token, struct error *err)
{
	size_t size = text->size;
	const char *bytes = buffer_text(text);
	while (size && (bytes[size - 1] == '\n' || bytes[size - 1] == '\r'))
		size--;
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f)
			return error_set(err, ERROR_INVALID, "a secret for git holds more than one line of text");
	if (!is_token) {
		source->authorization = duplicate_bytes(bytes, size);
		return 0;
	}
	char *pair = format_string("x-access-token:%.*s", (int)size, bytes);
	char *encoded = base64_encode(pair, strlen(pair));
	source->authorization = format_string("basic %s", encoded);
	explicit_bzero(pair, strlen(pair));
	explicit_bzero(encoded, strlen(encoded));
	free(pair);
	free(encoded);
	return 0;
}

int git_authorize(struct remote_source *source, const struct string_list *secrets, struct error *err)
{
	static const char *const names[] = {"GIT_AUTH_HEADER", "GIT_AUTH_TOKEN"};
	if (!secrets->count || !may_authorize(source->url))
		return 0;
	const char *start = strstr(source->url, "://") + 3;
	cleanup_free char *host = duplicate_bytes(start, strcspn(start, "/:"));
	for (size_t i = 0; i < ARRAY_SIZE(names) && !source->authorization; i++) {
		CLEANUP(secret_release) struct buffer text = BUFFER_INIT(SECRET_SIZE_LIMIT);
		int found = find_secret(secrets, names[i], host, &text, err);
		if (found < 0 || (found && take_header(source, &text, i == 1, err) < 0))
			return -1;
	}
	return 0;
}

static void authorize(const struct remote_source *source, struct string_list *environment)
{
	cleanup_free char *origin = source->authorization ? origin_of(source->url) : NULL;
	if (!origin)
		return;
	string_list_add(environment, "GIT_CONFIG_COUNT=1");
	string_list_add_format(environment, "GIT_CONFIG_KEY_0=http.%s/.extraHeader", origin);
	string_list_add_format(environment, "GIT_CONFIG_VALUE_0=Authorization: %s", source->authorization);
}

static void make_environment(const char *url, struct string_list *environment)
{
	static const char *const kept[] = {"PATH",	  "SSH_AUTH_SOCK", "http_proxy",   "https_proxy",
					   "HTTPS_PROXY", "all_proxy",	   "ALL_PROXY",	   "no_proxy",
					   "NO_PROXY",	  "SSL_CERT_DIR",  "SSL_CERT_FILE"};
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (getenv(kept[i]))
			string_list_set_key(environment, kept[i], getenv(kept[i]));
	string_list_add_format(environment, "GIT_ALLOW_PROTOCOL=%s", allowed_protocols(url));
	string_list_add(environment, "GIT_CONFIG_NOSYSTEM=1");
	string_list_add(environment, "GIT_CONFIG_GLOBAL=/dev/null");
	string_list_add(environment, "GIT_ATTR_NOSYSTEM=1");
	string_list_add(environment, "GIT_TERMINAL_PROMPT=0");
	string_list_add(environment, "GIT_SSH_COMMAND=ssh -o BatchMode=yes");
	string_list_add(environment, "GIT_LFS_SKIP_SMUDGE=1");
	string_list_add(environment, "HOME=/dev/null"); /* no .netrc, no .gitconfig */
	string_list_add(environment, "LC_ALL=C");
}

static void add_options(const char *folder, struct string_list *arguments)
{
	static const char *const settings[] = {
		"core.hooksPath=/dev/null",
		"core.fsmonitor=false",
		"core.askPass=",
		"credential.helper=",
		"gc.auto=0",
		"maintenance.auto=false",
		"advice.detachedHead=false",
		"http.lowSpeedLimit=1",
		"http.lowSpeedTime=60",
		"init.defaultBranch=main",
	};
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		string_list_add(arguments, "-c");
		string_list_add(arguments, settings[i]);
	}
	string_list_add(arguments, "-C");
	string_list_add(arguments, folder);
}

static void add_messages(struct buffer *messages, const char *bytes, size_t size)
{
	if (messages->size + size > messages->cap)
		buffer_consume(messages, messages->size + size - messages->cap);
	buffer_append(messages, bytes, size, NULL);
}

/* What a server says is shown on a terminal; a line of progress that was written over is not shown at all. */
static void clean_messages(struct buffer *messages)
{
	size_t line = 0, to = 0;
	for (size_t i = 0; i < messages->size; i++) {
		char byte = messages->bytes[i];
		if (byte == '\r') {
			bool ends_line = i + 1 < messages->size && messages->bytes[i + 1] == '\n';
			to = ends_line ? to : line;
			continue;
		}
		messages->bytes[to++] = (unsigned char)byte < 0x20 && byte != '\n' ? '?' : byte;
		line = byte == '\n' ? to : line;
	}
	while (to && messages->bytes[to - 1] == '\n')
		to--;
	if (messages->bytes)
		messages->bytes[to] = '\0';
	messages->size = to;
}

/* Reads both to their ends, side by side. */
static int read_streams(const int fds[2], struct buffer *output, struct buffer *messages, struct error *err)
{
	struct pollfd polled[2] = {{fds[0], POLLIN, 0}, {fds[1], POLLIN, 0}};
	char chunk[4096];
	int silent = 0;
	while (polled[0].fd >= 0 || polled[1].fd >= 0) {
		int ready = poll(polled, 2, POLL_MILLISECONDS);
		if (git_is_interrupted)
			return error_set(err, ERROR_CANCELLED, "interrupted");
		silent = ready == 0 ? silent + POLL_MILLISECONDS : 0;
		if (ready < 0 && errno != EINTR)
			return error_set_errno(err, errno, "poll");
		if (silent >= GIT_SILENCE_SECONDS * 1000)
			return error_set(err, ERROR_NETWORK, "nothing was heard for %d seconds", GIT_SILENCE_SECONDS);
		for (int i = 0; ready > 0 && i < 2; i++) {
			if (polled[i].fd < 0 || !polled[i].revents)
				continue;
			ssize_t got = read_some(polled[i].fd, chunk, sizeof chunk);
			if (got < 0)
				return error_set_errno(err, errno, "read");
			if (got == 0)
				polled[i].fd = -1;
			else if (i == 0 && buffer_append(output, chunk, (size_t)got, err) < 0)
				return -1;
			else if (i == 1)
				add_messages(messages, chunk, (size_t)got);
		}
	}
	return 0;
}

static int start(const struct string_list *arguments, const struct string_list *environment, int ret_fds[2],
		 pid_t *ret_pid, struct error *err)
{
	int output[2], messages[2];
	if (pipe2(output, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "make a pipe");
	cleanup_close int output_ours = output[0], output_theirs = output[1];
	if (pipe2(messages, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "make a pipe");
	cleanup_close int messages_ours = messages[0], messages_theirs = messages[1];
	struct process_options options = {
		.arguments = arguments->items,
		.environment = environment->items,
		.standard_fds = {-1, output_theirs, messages_theirs},
		.new_session = true, /* no terminal to ask on, and one group to kill */
		.parent_death_signal = SIGTERM,
	};
	/* The files' modes are those of a 022 umask, whatever ours is. */
	mode_t mask = umask(022);
	int result = process_start(&options, ret_pid, err);
	umask(mask);
	if (result < 0)
		return -1;
	struct rlimit limit = {FILE_LIMIT, FILE_LIMIT};
	prlimit(*ret_pid, RLIMIT_FSIZE, &limit, NULL);
	ret_fds[0] = steal_fd(&output_ours);
	ret_fds[1] = steal_fd(&messages_ours);
	return 0;
}

/* git WORD… in `folder`; ret_output (may be NULL) is what it printed. Its failure is ERROR_INVALID with its words. */
static int run_words(const struct remote_source *source, const char *folder, const char *const *words,
		     struct buffer *ret_output, struct error *err)
{
	cleanup_free char *program = process_find_program("git");
	if (!program)
		return error_set(err, ERROR_NOT_FOUND,
				 "the program git is not on the PATH: it is needed for sources in git repositories; "
				 "install the package \"git\"");
	cleanup_string_list struct string_list arguments = {0}, environment = {0};
	string_list_add(&arguments, program);
	add_options(folder, &arguments);
	for (; *words; words++)
		string_list_add(&arguments, *words);
	make_environment(source->url, &environment);
	authorize(source, &environment);
	int fds[2] = {-1, -1}, status;
	pid_t pid;
	if (start(&arguments, &environment, fds, &pid, err) < 0)
		return -1;
	cleanup_buffer struct buffer output = BUFFER_INIT(OUTPUT_LIMIT), messages = BUFFER_INIT(MESSAGES_LIMIT);
	git_is_running = 1;
	int result = read_streams(fds, &output, &messages, err);
	git_is_running = 0;
	close(fds[0]);
	close(fds[1]);
	if (result < 0)
		kill(-pid, SIGKILL);
	if (process_wait(pid, &status, result < 0 ? NULL : err) < 0 || result < 0)
		return -1;
	clean_messages(&messages);
	if (status != 0)
		return error_set(err, ERROR_INVALID, "git stderr:\n%.1000s: exit status %d", buffer_text(&messages),
				 status);
	if (ret_output) {
		*ret_output = output;
		output = (struct buffer){0};
	}
	return 0;
}

#define run(source, folder, ret_output, err, ...)                                                                      \
	run_words(source, folder, (const char *const[]){__VA_ARGS__, NULL}, ret_output, err)

static int fetch_failed(const struct remote_source *source, struct error *err)
{
	return error_wrap(err, "failed to fetch remote %s", source->url);
}

/* The id of the line "ID\tNAME", or NULL. */
static char *find_line(const char *lines, const char *name)
{
	for (const char *at = lines; *at;) {
		size_t length = strcspn(at, "\n"), id = strcspn(at, "\t\n");
		if (id < length && length - id - 1 == strlen(name) && strncmp(at + id + 1, name, strlen(name)) == 0)
			return duplicate_bytes(at, id);
		at += length + (at[length] == '\n');
	}
	return NULL;
}

static const char *without(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0 ? text + strlen(start) : text;
}

int git_find_commit(const struct remote_source *source, struct git_commit *ret_commit, struct error *err)
{
	cleanup_git_commit struct git_commit commit = {0};
	const char *ref = source->ref ? source->ref : "HEAD";
	cleanup_free char *peeled = format_string("%s^{}", ref);
	cleanup_buffer struct buffer lines = {0};
	if (remote_ref_is_commit(ref)) {
		commit.id = duplicate_string(ref);
	} else {
		if (run(source, "/", &lines, err, "ls-remote", "--", source->url, ref, peeled) < 0)
			return fetch_failed(source, err);
		/* A branch before a tag, as git checkout has it. */
		const char *text = buffer_text(&lines);
		char *const names[] = {
			duplicate_string(ref),
			format_string("refs/%s", without(ref, "refs/")),
			format_string("refs/heads/%s", without(ref, "refs/heads/")),
			format_string("refs/tags/%s", without(ref, "refs/tags/")),
		};
		for (size_t i = source->ref ? 1 : 0; i < (source->ref ? ARRAY_SIZE(names) : 1) && !commit.id; i++) {
			cleanup_free char *object = format_string("%s^{}", names[i]);
			commit.id = find_line(text, names[i]);
			commit.ref = commit.id ? duplicate_string(names[i]) : NULL;
			char *target = commit.id ? find_line(text, object) : NULL;
			if (target) {
				commit.tag = commit.id;
				commit.id = target;
			}
		}
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			free(names[i]);
		if (!commit.id)
			return error_set(err, ERROR_NOT_FOUND, "repository does not contain ref %s, output: \"%.200s\"",
					 ref, text);
		if (!remote_ref_is_commit(commit.id))
			return error_set(err, ERROR_INVALID, "invalid commit sha \"%.100s\"", commit.id);
	}
	*ret_commit = commit;
	commit = (struct git_commit){0};
	return 0;
}

/* A commit of its own may be asked for where the server allows it. A server of plain files gives everything or nothing.
 */
static int fetch(const struct remote_source *source, const struct git_commit *commit, const char *path,
		 struct error *err)
{
	const char *url = source->url;
	struct error why = {0};
	bool is_tag = commit->ref && strncmp(commit->ref, "refs/tags/", 10) == 0;
	cleanup_free char *spec = is_tag ? format_string("+%s:%s", commit->ref, commit->ref)
					 : duplicate_string(commit->ref ? commit->ref : commit->id);
	if (run(source, path, NULL, &why, "fetch", "--progress", "--no-tags", "--no-recurse-submodules", "--depth=1",
		"--", url, spec) == 0)
		return 0;
	bool is_whole = strstr(why.message, "does not support shallow") != NULL;
	if (is_whole && commit->ref) {
		error_clear(&why);
		if (run(source, path, NULL, &why, "fetch", "--progress", "--no-tags", "--no-recurse-submodules", "--",
			url, spec) == 0)
			return 0;
	} else if (!commit->ref && why.kind == ERROR_INVALID) {
		error_clear(&why);
		if (run(source, path, NULL, &why, "fetch", "--progress", "--no-recurse-submodules", "--", url,
			"+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*") == 0)
			return 0;
	}
	if (err)
		*err = why;
	return fetch_failed(source, err);
}

static int set_times(int folder_fd, const struct timespec times[2], unsigned depth, struct error *err)
{
	if (depth > CONTENT_DEPTH_LIMIT)
		return error_set(err, ERROR_LIMIT, "folders are more than %d deep", CONTENT_DEPTH_LIMIT);
	cleanup_string_list struct string_list names = {0};
	if (content_list_folder(folder_fd, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		struct stat status;
		if (fstatat(folder_fd, names.items[i], &status, AT_SYMLINK_NOFOLLOW) < 0)
			return error_set_errno(err, errno, "stat %s", names.items[i]);
		if (S_ISDIR(status.st_mode)) {
			cleanup_close int child = open_folder_at(folder_fd, names.items[i], false, 0, err);
			if (child < 0 || set_times(child, times, depth + 1, err) < 0)
				return -1;
		}
		if (utimensat(folder_fd, names.items[i], times, AT_SYMLINK_NOFOLLOW) < 0)
			return error_set_errno(err, errno, "set times of %s", names.items[i]);
	}
	return futimens(folder_fd, times) < 0 ? error_set_errno(err, errno, "set times") : 0;
}

/* git keeps no times, so that of the commit is the only one that every checkout of it agrees on. */
static int take_commit_time(const struct remote_source *source, const struct git_commit *commit, const char *path,
			    struct timespec times[2], struct error *err)
{
	cleanup_buffer struct buffer text = {0};
	if (run(source, path, &text, err, "show", "-s", "--format=%ct", commit->id, "--") < 0)
		return -1;
	long long seconds = strtoll(buffer_text(&text), NULL, 10);
	times[0] = times[1] = (struct timespec){.tv_sec = seconds > 0 ? seconds : 0};
	return 0;
}

/* What differs from one checkout of a commit to the next: the index holds times and inode numbers, logs hold names. */
static int settle_git_dir(const struct remote_source *source, const struct git_commit *commit, const char *path,
			  int folder_fd, struct error *err)
{
	static const char *const passing[] = {".git/logs", ".git/FETCH_HEAD", ".git/ORIG_HEAD", ".git/index"};
	for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
		if (remove_tree_at(folder_fd, passing[i], err) < 0)
			return -1;
	return run(source, path, NULL, err, "read-tree", commit->id);
}

/* The commit that was fetched must be the one that was found: a cache key says so. */
static int check_out(const struct remote_source *source, const struct git_commit *commit, const char *path,
		     int folder_fd, struct error *err)
{
	cleanup_buffer struct buffer text = {0};
	cleanup_free char *name = format_string("%s^{commit}", commit->ref ? "FETCH_HEAD" : commit->id);
	if (run(source, path, &text, err, "rev-parse", "--verify", "--end-of-options", name) < 0) {
		bool is_absent = err && err->kind == ERROR_INVALID;
		return is_absent ? error_set(err, ERROR_NOT_FOUND, "repository does not contain ref %s", commit->id)
				 : -1;
	}
	if (strncmp(buffer_text(&text), commit->id, strlen(commit->id)) != 0)
		return error_set(err, ERROR_CONFLICT, "%s moved while it was fetched: build again", commit->ref);
	if (run(source, path, NULL, err, "checkout", "--quiet", "--force", "--detach", commit->id, "--") < 0)
		return -1;
	struct stat status;
	if (fstatat(folder_fd, ".gitmodules", &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(status.st_mode))
		return 0;
	return run(source, path, NULL, err, "submodule", "update", "--progress", "--init", "--recursive", "--depth=1");
}

static int fill(const struct remote_source *source, const struct git_commit *commit, bool keep_git_dir,
		const char *path, int folder_fd, struct error *err)
{
	const char *url = source->url;
	struct timespec times[2];
	if (run(source, path, NULL, err, "init", "--quiet", "--template=", ".") < 0 ||
	    run(source, path, NULL, err, "remote", "add", "--", "origin", url) < 0 ||
	    fetch(source, commit, path, err) < 0)
		return -1;
	if (check_out(source, commit, path, folder_fd, err) < 0 ||
	    take_commit_time(source, commit, path, times, err) < 0 ||
	    (keep_git_dir ? settle_git_dir(source, commit, path, folder_fd, err)
			  : remove_tree_at(folder_fd, ".git", err)) < 0 ||
	    set_times(folder_fd, times, 0, err) < 0)
		return error_wrap(err, "failed to checkout remote %s", url);
	return 0;
}

static int enter(const struct remote_source *source, struct git_checkout *checkout, struct error *err)
{
	const char *folder = source->folder ? source->folder : ".";
	checkout->folder_fd = open_beneath(checkout->staging.folder_fd, folder, O_RDONLY | O_DIRECTORY);
	if (checkout->folder_fd < 0 && (errno == EXDEV || errno == ELOOP))
		return error_set(err, ERROR_DENIED,
				 "%s: the folder \"%s\" leads through a link or out of the repository: refused",
				 source->url, folder);
	if (checkout->folder_fd < 0)
		return error_set_errno(err, errno, "%s: open folder \"%s\" of the repository", source->url, folder);
	char link[64], path[4096];
	snprintf(link, sizeof link, "/proc/self/fd/%d", checkout->folder_fd);
	ssize_t length = readlink(link, path, sizeof path);
	if (length < 0 || length == sizeof path)
		return error_set_errno(err, length < 0 ? errno : ENAMETOOLONG, "%s: folder \"%s\"", source->url,
				       folder);
	checkout->path = duplicate_bytes(path, (size_t)length);
	return 0;
}

int git_check_out(struct store *store, const struct remote_source *source, const struct git_commit *commit,
		  bool keep_git_dir, struct git_checkout *ret_checkout, struct error *err)
{
	cleanup_git_checkout struct git_checkout checkout = GIT_CHECKOUT_INIT;
	if (layer_staging_begin(store->root_fd, &checkout.staging, err) < 0)
		return -1;
	cleanup_free char *path = format_string("%s/layers/staging/%s", store->root, checkout.staging.name);
	if (fill(source, commit, keep_git_dir && !source->folder, path, checkout.staging.folder_fd, err) < 0 ||
	    enter(source, &checkout, err) < 0)
		return -1;
	*ret_checkout = checkout;
	checkout = GIT_CHECKOUT_INIT;
	return 0;
}
