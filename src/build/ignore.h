/*
 * .dockerignore: which paths of the build context do not exist for the build. One pattern a line, '#' begins a comment,
 * '!' brings back; the last line that fits decides; a pattern that fits a folder fits all that is in it. Paths are
 * relative to the context, without "./" and without a '/' at either end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

#define IGNORE_FILE_LIMIT    ((size_t)1024 * 1024)
#define IGNORE_PATTERN_LIMIT 10000

struct ignore_pattern;

struct ignore_list {
	struct ignore_pattern *patterns;
	size_t count;
	bool has_exceptions; /* a '!' line */
};

int ignore_parse(const char *bytes, size_t size, struct ignore_list *ret_list, struct error *err);
void ignore_list_release(struct ignore_list *list);
#define cleanup_ignore_list CLEANUP(ignore_list_release)

bool ignore_matches(const struct ignore_list *list, const char *path);
/* Whether something below an ignored folder may have been brought back, so that it must be looked at. */
bool ignore_may_hold_exceptions(const struct ignore_list *list, const char *folder);
