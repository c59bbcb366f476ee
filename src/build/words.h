/* How the text behind an instruction's name is cut, in the ways that Dockerfiles have. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/string_list.h"

/* At white space, quotes and escapes minded and kept. */
void words_split_quoted(const char *text, char escape, struct string_list *words);
/* At white space, whatever stands there. */
void words_split_plain(const char *text, struct string_list *words);
/*
 * A JSON array of strings. Returns 1 with the items added, 0 where the text is not one JSON array and nothing else (it
 * is shell form then), -1 where it is one and holds something else than strings.
 */
int words_parse_json(const char *text, struct string_list *words, struct error *err);

struct word_flag {
	const char *name;
	bool is_boolean;
	char **value;		  /* set to an owned text */
	struct string_list *list; /* instead: may be given several times */
};
/* Takes `--name=value` words off the front. `table` ends with a NULL name. */
int words_take_flags(const char **text, char escape, const struct word_flag *table, struct error *err);
/* Where flags end, whatever they say. */
const char *words_behind_flags(const char *text, char escape);

/* The candidate that is less than three edits away, or NULL. `candidates` ends with NULL. */
const char *words_suggest(const char *word, const char *const *candidates);

/* Go's time.ParseDuration, in nanoseconds: "1m30s", "500ms", "1.5h". */
int words_parse_duration(const char *text, long long *ret_nanoseconds, struct error *err);
