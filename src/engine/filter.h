/*
 * --filter of all commands that list or prune: texts "name=value" (cli/options.h, OPTION_FILTERS), in any order and
 * number. Messages are Docker's.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/string_list.h"
#include "base/time.h"

/* The value where the filter is of that name, else NULL. */
const char *filter_value(const char *filter, const char *name);
bool filter_is_set(const struct string_list *filters, const char *name);

/* All names are among `known` (NULL-terminated), else ERROR_INVALID "invalid filter 'x'". */
int filter_check_names(const struct string_list *filters, const char *const *known, struct error *err);
/* The last value of a flag; *ret_value stays as it is where there is none. "invalid filter 'dangling=[x]'". */
int filter_flag(const struct string_list *filters, const char *name, bool *ret_value, struct error *err);
/* "label" (KEY, KEY=VALUE) all match these labels, "label!" none does. */
bool filter_match_labels(const struct string_list *filters, const struct string_list *labels);
/* The moment of "until", of which there may be one; 0 where there is none. */
int filter_until(const struct string_list *filters, nanoseconds now, nanoseconds *ret_until, struct error *err);
/*
 * Whether a text matches a value of the filter: is it, or matches it as a regular expression (which a part of it does).
 * True where there is no such filter. A value that is no expression matches what it is.
 */
bool filter_match_text(const struct string_list *filters, const char *name, const char *text);
