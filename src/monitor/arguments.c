#include "monitor/arguments.h"

#include <limits.h>
#include <string.h>

#include "monitor/monitor.h"

static bool parse_number(const char *text, int *ret_number)
{
	int64_t number;
	if (!text_take_number(&text, INT_MAX, &number) || *text != '\0')
		return false;
	*ret_number = (int)number;
	return true;
}

static bool parse_one(struct monitor *monitor, const char *argument)
{
	const char *value = argument;
#define X(member, name)                                                                                                \
	if (text_take(&value, name "=")) {                                                                             \
		monitor->member = value;                                                                               \
		return *value != '\0';                                                                                 \
	}
	MONITOR_TEXT_NAMES
#undef X
#define X(member, name)                                                                                                \
	if (text_take(&value, name "="))                                                                               \
		return parse_number(value, &monitor->member) && monitor->member > 2;
	MONITOR_FD_NAMES
#undef X
	int number;
	if (text_take(&value, "wait="))
		return text_take_number(&value, INT64_MAX, &monitor->wait) && *value == '\0';
	if (text_take(&value, "resolver=") || text_take(&value, "servers=")) {
		*(argument[0] == 'r' ? &monitor->resolver : &monitor->servers) = value;
		return *value != '\0';
	}
#define X(member, name)                                                                                                \
	if (text_take(&value, name "="))                                                                               \
		return text_take_number(&value, INT64_MAX, &monitor->member) && *value == '\0';
	MONITOR_NUMBER_NAMES
#undef X
#define X(member, name)                                                                                                \
	if (strcmp(argument, name "=1") == 0)                                                                          \
		return monitor->member = true;
	MONITOR_FLAG_NAMES
#undef X
	if (!text_take(&value, "pid=") || !parse_number(value, &number) || number < 1)
		return false;
	monitor->pid = number;
	return true;
}

int monitor_parse_arguments(struct monitor *monitor, char **arguments, struct error *err)
{
#define X(member, name) monitor->member = -1;
	MONITOR_FD_NAMES
#undef X
	monitor->wait = -1;
	for (char **at = arguments + 1; arguments[0] && *at; at++)
		if (!parse_one(monitor, *at))
			return error_set(err, ERROR_USAGE, "argument \"%s\" is not one of a monitor's", *at);
	if (!monitor->engine || !monitor->root || !monitor->run_root || !monitor->id || monitor->lock_fd < 0 ||
	    (monitor->wait < 0 && (monitor->pid == 0 || monitor->run_folder_fd < 0)))
		return error_set(err, ERROR_USAGE,
				 "coracle-monitor is started by coracle and needs what that gives it: engine, root, "
				 "run-root, id, pid, run-folder and lock");
	return 0;
}
