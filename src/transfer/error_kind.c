#include "transfer/error_kind.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"

static const char *const names[] = {
	[ERROR_NONE] = "none",
	[ERROR_SYSTEM] = "system",
	[ERROR_USAGE] = "usage",
	[ERROR_INVALID] = "invalid",
	[ERROR_NOT_FOUND] = "not_found",
	[ERROR_CONFLICT] = "conflict",
	[ERROR_DENIED] = "denied",
	[ERROR_UNAUTHORIZED] = "unauthorized",
	[ERROR_LIMIT] = "limit",
	[ERROR_CORRUPT] = "corrupt",
	[ERROR_NETWORK] = "network",
	[ERROR_UNSUPPORTED] = "unsupported",
	[ERROR_CANCELLED] = "cancelled",
	[ERROR_CANNOT_INVOKE] = "cannot_invoke",
	[ERROR_NO_COMMAND] = "no_command",
};
static_assert(ARRAY_SIZE(names) == ERROR_KIND_COUNT, "a kind has no name");

const char *error_kind_name(enum error_kind kind)
{
	return names[kind];
}

enum error_kind error_kind_from_name(const char *name)
{
	for (size_t i = 1; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], name) == 0)
			return (enum error_kind)i;
	return ERROR_SYSTEM;
}
