#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "build/path.h"
#include "cli/command.h"
#include "engine/container_copy.h"

#define UPDATE_PAUSE (75 * 1000 * 1000LL) /* nanoseconds between two looks of the counter */

struct counter {
	const char *title;
	nanoseconds last;
};

/* On a terminal the counter stands in one line, which the end takes away. */
static void show_progress(void *context, uint64_t bytes)
{
	struct counter *counter = context;
	char size[16];
	nanoseconds now = time_monotonic();
	if (counter->last && now - counter->last < UPDATE_PAUSE)
		return;
	counter->last = now;
	size_format_human(bytes, size, sizeof size);
	fprintf(stderr, "\r\033[K%s%s", counter->title, size);
}

/*
 * "CONTAINER:PATH"; false for a path of the host: absolute ones, explicit ones ("./a:b"), and those without a colon.
 * The parts are owned by the caller.
 */
static bool split(const char *argument, char **ret_container, char **ret_path)
{
	const char *colon = strchr(argument, ':');
	if (argument[0] == '/' || argument[0] == '.' || !colon || colon == argument)
		return false;
	*ret_container = format_string("%.*s", (int)(colon - argument), argument);
	*ret_path = duplicate_string(colon + 1);
	return true;
}

static void tell(const struct container_copy *copy, bool is_to_container)
{
	char size[16], here[4096];
	size_format_human(copy->bytes, size, sizeof size);
	if (is_to_container) {
		fprintf(stderr, "Successfully copied %s to %s:%s\n", size, copy->container, copy->path);
		return;
	}
	/* Docker shows where that is. */
	cleanup_free char *whole = path_resolve(getcwd(here, sizeof here) ? here : "/", copy->host_path);
	size_t length = strlen(copy->host_path);
	bool has_slash = length > 1 && copy->host_path[length - 1] == '/';
	fprintf(stderr, "Successfully copied %s to %s%s\n", size, whole, has_slash ? "/" : "");
}

static int run_copy(struct invocation *invocation, struct container_copy *copy, bool is_to_container, bool quiet,
		    struct error *err)
{
	cleanup_engine struct engine *engine = NULL;
	const struct counter *counter = copy->context;
	if (!quiet && isatty(STDERR_FILENO))
		copy->progress = show_progress;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	int result = is_to_container ? container_copy_to(engine, copy, err) : container_copy_from(engine, copy, err);
	if (counter->last)
		fprintf(stderr, "\r\033[K");
	if (result == 0 && !quiet)
		tell(copy, is_to_container);
	return result;
}

int cmd_cp(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	struct container_copy copy = {0};
	struct counter counter = {0};
	/* Docker says how it went only where somebody looks. */
	bool quiet = !isatty(STDOUT_FILENO);
	const struct option options[] = {
		OPTION_FLAG('a', "archive", &copy.archive,
			    "Into a container: owned by its user; out of it: owned as in the container"),
		OPTION_FLAG('L', "follow-link", &copy.follows_link, "Always follow symbol link in SRC_PATH"),
		OPTION_FLAG('q', "quiet", &quiet,
			    "Suppress progress output during copy. Progress output is automatically suppressed if no "
			    "terminal is attached"),
		OPTION_END,
	};
	cleanup_free char *from = NULL, *from_path = NULL, *to = NULL, *to_path = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (!*arguments[0])
		return error_set(err, ERROR_INVALID, "source can not be empty");
	if (!*arguments[1])
		return error_set(err, ERROR_INVALID, "destination can not be empty");
	bool is_from = split(arguments[0], &from, &from_path), is_to = split(arguments[1], &to, &to_path);
	if (is_from && is_to)
		return error_set(err, ERROR_INVALID, "copying between containers is not supported");
	if (!is_from && !is_to)
		return error_set(err, ERROR_INVALID, "must specify at least one container source");
	copy.container = is_to ? to : from;
	copy.path = is_to ? to_path : from_path;
	copy.host_path = arguments[is_to ? 0 : 1];
	copy.context = &counter;
	counter.title = is_to ? "Copying to container - " : "Copying from container - ";
	if (strcmp(copy.host_path, "-") == 0 && !is_to) {
		if (isatty(STDOUT_FILENO))
			return error_set(err, ERROR_INVALID,
					 "cowardly refusing to write an archive to a terminal; redirect it");
		quiet = true;
	}
	return run_copy(invocation, &copy, is_to, quiet, err);
}
