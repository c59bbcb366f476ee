/*
 * File name patterns, compiled once and tested in time proportional to pattern × name, whatever the pattern is.
 *
 * MATCH_GO is Go's filepath.Match, which COPY and ADD use: `*` and `?` do not cross a '/', `[a-z]` and `[^a-z]` are
 * classes, '\' takes the next character as it is.
 * MATCH_IGNORE is that of .dockerignore: `**` crosses any number of folders, none among them; at the very beginning and
 * in front of plain text it stands for anything at all, so that `**.log` fits "a.log".
 * MATCH_SHELL is that of `${NAME#pattern}`: `*` and `?` cross anything but a line's end, brackets are plain, and '\\'
 * goes before `*`, `?`, itself, '}' and '/'.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

#define MATCH_PATTERN_LIMIT 4096 /* bytes */

enum match_dialect { MATCH_GO, MATCH_IGNORE, MATCH_SHELL };

struct match_pattern;

/* ERROR_INVALID with Go's words, "syntax error in pattern", and the pattern. */
int match_compile(const char *pattern, enum match_dialect dialect, struct match_pattern **ret_pattern,
		  struct error *err);
bool match_test(const struct match_pattern *pattern, const char *name, size_t length);
/* The length of the shortest or the longest beginning, or end, of the text that fits; -1 where none does. */
ptrdiff_t match_beginning(const struct match_pattern *pattern, const char *text, size_t length, bool longest);
ptrdiff_t match_ending(const struct match_pattern *pattern, const char *text, size_t length, bool longest);
/* What a test costs for each character of the name: 1 where nothing in the pattern is special. */
size_t match_cost(const struct match_pattern *pattern);
void match_free(struct match_pattern *pattern);
static inline void match_free_pointer(struct match_pattern **pattern)
{
	match_free(*pattern);
}
#define cleanup_match CLEANUP(match_free_pointer)

/* Whether the text holds a character that means something in a pattern. */
bool match_has_wildcard(const char *text);
