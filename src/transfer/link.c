#include "transfer/link.h"

#include <string.h>
#include <strings.h>

#include "base/memory.h"

/* The end of a parameter or of a link: a separator that is not in quotes. */
static const char *skip_value(const char *at, const char *separators)
{
	bool is_quoted = false;
	for (; *at && (is_quoted || !strchr(separators, *at)); at++) {
		if (is_quoted && *at == '\\' && at[1])
			at++;
		else if (*at == '"')
			is_quoted = !is_quoted;
	}
	return at;
}

/* rel=next, rel="next", and a list of relations that has it. */
static bool parameter_is_next(const char *at, const char *end)
{
	at += strspn(at, " \t");
	if (end - at < 4 || strncasecmp(at, "rel", 3) != 0)
		return false;
	at += 3 + strspn(at + 3, " \t");
	if (at >= end || *at != '=')
		return false;
	at += 1 + strspn(at + 1, " \t\"");
	while (at < end) {
		size_t length = strcspn(at, " \t\",;");
		if (length == 4 && strncasecmp(at, "next", 4) == 0)
			return true;
		at += length;
		at += strspn(at, " \t");
		if (*at == '"' || *at == ',' || *at == ';' || !*at)
			return false;
	}
	return false;
}

char *link_next(const char *header)
{
	for (const char *at = header ? header : ""; *at;) {
		at += strspn(at, " \t,");
		if (*at != '<')
			return NULL;
		const char *target = at + 1;
		const char *close = strchr(target, '>');
		if (!close)
			return NULL;
		for (at = close + 1 + strspn(close + 1, " \t"); *at == ';';) {
			const char *end = skip_value(at + 1, ";,");
			if (parameter_is_next(at + 1, end))
				return duplicate_bytes(target, (size_t)(close - target));
			at = end;
		}
	}
	return NULL;
}
