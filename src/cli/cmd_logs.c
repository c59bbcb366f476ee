#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "engine/logs.h"

static int parse_time(const char *text, nanoseconds *ret_time, struct error *err)
{
	if (time_parse_moment(text, time_now(), ret_time))
		return 0;
	return error_set(err, ERROR_USAGE,
			 "invalid time \"%s\": not a timestamp such as 2026-01-02T13:23:37Z, nor a span such as 42m",
			 text);
}

static int parse_tail(const char *text, int64_t *ret_lines, struct error *err)
{
	*ret_lines = -1;
	if (strcmp(text, "all") == 0)
		return 0;
	char *end;
	long long lines = strtoll(text, &end, 10);
	if (end == text || *end)
		return error_set(err, ERROR_USAGE,
				 "invalid argument \"%s\" for \"-n, --tail\" flag: not a number of lines", text);
	*ret_lines = lines < 0 ? -1 : lines;
	return 0;
}

int cmd_logs(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	struct container_logs_options logs = {.query = {.stdout_fd = STDOUT_FILENO, .stderr_fd = STDERR_FILENO}};
	struct log_query *query = &logs.query;
	const char *since = NULL, *until = NULL, *tail = "all";
	const struct option options[] = {
		OPTION_FLAG(0, "details", &logs.details, "Show extra details provided to logs"),
		OPTION_FLAG('f', "follow", &query->follow, "Follow log output"),
		OPTION_FLAG(0, "removed", &logs.removed,
			    "Show the log of a container that was removed in the last three days"),
		OPTION_STRING(0, "since", &since, "string", "Show logs since timestamp or relative time (e.g. 42m)"),
		OPTION_STRING('n', "tail", &tail, "string", "Number of lines to show from the end of the logs"),
		OPTION_FLAG('t', "timestamps", &query->timestamps, "Show timestamps"),
		OPTION_STRING(0, "until", &until, "string", "Show logs before a timestamp or relative time"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (logs.removed && query->follow)
		return error_set(err, ERROR_USAGE,
				 "--follow and --removed exclude each other: nothing is added any more");
	if (parse_tail(tail, &query->tail, err) < 0 || (since && parse_time(since, &query->since, err) < 0) ||
	    (until && parse_time(until, &query->until, err) < 0) || command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return container_logs(engine, arguments[0], &logs, err);
}
