#include "engine/ulimit.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/memory.h"

static const struct {
	const char *name;
	int resource;
} names[] = {
	{"core", RLIMIT_CORE},	       {"cpu", RLIMIT_CPU},	{"data", RLIMIT_DATA},
	{"fsize", RLIMIT_FSIZE},       {"locks", RLIMIT_LOCKS}, {"memlock", RLIMIT_MEMLOCK},
	{"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},	{"nofile", RLIMIT_NOFILE},
	{"nproc", RLIMIT_NPROC},       {"rss", RLIMIT_RSS},	{"rtprio", RLIMIT_RTPRIO},
	{"rttime", RLIMIT_RTTIME},     {"stack", RLIMIT_STACK}, {"sigpending", RLIMIT_SIGPENDING},
};

static int parse_value(const char *text, uint64_t *ret_value, struct error *err)
{
	char *end;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	bool begins_well = isdigit((unsigned char)text[0]) || ((text[0] == '-' || text[0] == '+') && text[1]);
	if (!begins_well || *end || errno || value < -1)
		return error_set(err, ERROR_USAGE, "invalid limit value \"%s\"", text);
	*ret_value = value < 0 ? RLIM_INFINITY : (uint64_t)value;
	return 0;
}

int ulimit_parse(const char *text, struct spec_limit *ret_limit, struct error *err)
{
	size_t length = strcspn(text, "="), i = 0;
	if (text[length] != '=')
		return error_set(err, ERROR_USAGE, "invalid ulimit argument: %s", text);
	while (i < ARRAY_SIZE(names) && (strlen(names[i].name) != length || strncmp(names[i].name, text, length) != 0))
		i++;
	if (i == ARRAY_SIZE(names))
		return error_set(err, ERROR_USAGE, "invalid ulimit type: %.*s", (int)length, text);
	const char *values = text + length + 1;
	cleanup_free char *soft = duplicate_bytes(values, strcspn(values, ":"));
	const char *hard = values + strlen(soft);
	if (*hard && strchr(hard + 1, ':'))
		return error_set(err, ERROR_USAGE,
				 "too many limit value arguments - %s, can only have up to two, `soft[:hard]`", values);
	struct spec_limit limit = {.resource = names[i].resource};
	if (parse_value(soft, &limit.soft, err) < 0 || parse_value(*hard ? hard + 1 : soft, &limit.hard, err) < 0)
		return -1;
	if (limit.soft > limit.hard)
		return error_set(err, ERROR_USAGE,
				 "ulimit soft limit must be less than or equal to hard limit: %lld > %lld",
				 (long long)limit.soft, (long long)limit.hard);
	*ret_limit = limit;
	return 0;
}
