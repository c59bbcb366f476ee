#include "build/words.h"

#include <ctype.h>
#include <jansson.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"

void words_split_quoted(const char *text, char escape, struct string_list *words)
{
	while (*text) {
		while (isspace((unsigned char)*text))
			text++;
		const char *start = text;
		char quote = 0;
		for (; *text && (quote || !isspace((unsigned char)*text)); text++) {
			if (quote && *text == quote)
				quote = 0;
			else if (!quote && (*text == '\'' || *text == '"'))
				quote = *text;
			else if (*text == escape && quote != '\'' && text[1])
				text++;
		}
		if (text > start)
			string_list_take(words, duplicate_bytes(start, (size_t)(text - start)));
	}
}

void words_split_plain(const char *text, struct string_list *words)
{
	while (*text) {
		while (isspace((unsigned char)*text))
			text++;
		const char *start = text;
		while (*text && !isspace((unsigned char)*text))
			text++;
		if (text > start)
			string_list_take(words, duplicate_bytes(start, (size_t)(text - start)));
	}
}

int words_parse_json(const char *text, struct string_list *words, struct error *err)
{
	if (text[0] != '[')
		return 0;
	json_t *array = json_loads(text, 0, NULL);
	if (!array)
		return 0;
	int result = 1;
	for (size_t i = 0; i < json_array_size(array) && result == 1; i++) {
		const char *item = json_string_value(json_array_get(array, i));
		if (item)
			string_list_add(words, item);
		else
			result = error_set(err, ERROR_INVALID,
					   "when using JSON array syntax, arrays must be comprised of strings only");
	}
	json_decref(array);
	return result;
}

static size_t minimum(size_t a, size_t b)
{
	return a < b ? a : b;
}

#define SUGGEST_LENGTH_LIMIT 32

/* Levenshtein's distance; large where either is too long to be worth a suggestion. */
static size_t distance(const char *a, const char *b)
{
	size_t a_length = strlen(a), b_length = strlen(b);
	if (a_length > SUGGEST_LENGTH_LIMIT || b_length > SUGGEST_LENGTH_LIMIT)
		return SIZE_MAX;
	size_t row[SUGGEST_LENGTH_LIMIT + 1];
	for (size_t j = 0; j <= b_length; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t best = minimum(diagonal + (a[i - 1] != b[j - 1]), minimum(row[j], row[j - 1]) + 1);
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[b_length];
}

const char *words_suggest(const char *word, const char *const *candidates)
{
	const char *best = NULL;
	size_t best_distance = 3;
	for (; *candidates; candidates++) {
		size_t here = distance(word, *candidates);
		if (here > 0 && here < best_distance) {
			best = *candidates;
			best_distance = here;
		}
	}
	return best;
}

/* The word at *text without its quotes and escapes. */
static char *take_flag_word(const char **text, char escape)
{
	const char *at = *text;
	char *word = allocate(strlen(at) + 1);
	size_t used = 0;
	char quote = 0;
	for (; *at && (quote || !isspace((unsigned char)*at)); at++) {
		if (quote && *at == quote) {
			quote = 0;
		} else if (!quote && (*at == '\'' || *at == '"')) {
			quote = *at;
		} else {
			if (*at == escape && at[1])
				at++;
			word[used++] = *at;
		}
	}
	while (isspace((unsigned char)*at))
		at++;
	*text = at;
	return word;
}

static int unknown_flag(const char *name, const struct word_flag *table, struct error *err)
{
	const char *candidates[16] = {0};
	for (size_t i = 0; table[i].name && i + 1 < ARRAY_SIZE(candidates); i++)
		candidates[i] = table[i].name;
	const char *suggestion = words_suggest(name, candidates);
	if (suggestion)
		return error_set(err, ERROR_INVALID, "unknown flag: --%s (did you mean %s?)", name, suggestion);
	return error_set(err, ERROR_INVALID, "unknown flag: --%s", name);
}

static int take_flag(char *word, const struct word_flag *table, struct error *err)
{
	char *equals = strchr(word, '=');
	if (equals)
		*equals = '\0';
	const char *name = word + 2;
	const struct word_flag *flag = table;
	while (flag->name && strcmp(flag->name, name) != 0)
		flag++;
	if (!flag->name)
		return unknown_flag(name, table, err);
	if (flag->list) {
		if (!equals)
			return error_set(err, ERROR_INVALID, "missing a value on flag: --%s", name);
		string_list_add(flag->list, equals + 1);
		return 0;
	}
	if (*flag->value)
		return error_set(err, ERROR_INVALID, "duplicate flag specified: --%s", name);
	if (flag->is_boolean) {
		const char *value = equals ? equals + 1 : "true";
		bool is_true = strcasecmp(value, "true") == 0;
		if (!value[0])
			return error_set(err, ERROR_INVALID, "missing a value on flag: --%s", name);
		if (!is_true && strcasecmp(value, "false") != 0)
			return error_set(err, ERROR_INVALID, "expecting boolean value for flag --%s, not: %s", name,
					 value);
		*flag->value = duplicate_string(is_true ? "true" : "false");
		return 0;
	}
	if (!equals)
		return error_set(err, ERROR_INVALID, "missing a value on flag: --%s", name);
	*flag->value = duplicate_string(equals + 1);
	return 0;
}

int words_take_flags(const char **text, char escape, const struct word_flag *table, struct error *err)
{
	while ((*text)[0] == '-' && (*text)[1] == '-') {
		cleanup_free char *word = take_flag_word(text, escape);
		if (strcmp(word, "--") == 0)
			return 0;
		if (take_flag(word, table, err) < 0)
			return -1;
	}
	return 0;
}

const char *words_behind_flags(const char *text, char escape)
{
	while (text[0] == '-' && text[1] == '-') {
		cleanup_free char *word = take_flag_word(&text, escape);
		if (strcmp(word, "--") == 0)
			break;
	}
	return text;
}

static const struct {
	const char *name;
	double nanoseconds;
} duration_units[] = {
	{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"μs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9},
};

enum duration_fault { DURATION_GOOD, DURATION_INVALID, DURATION_NO_UNIT, DURATION_UNKNOWN_UNIT };

/* *ret_unit is where the unit stands. */
static enum duration_fault take_duration_part(const char **at, double *total, const char **ret_unit)
{
	double number = 0, scale = 1;
	size_t digits = 0;
	bool fraction = false;
	for (; isdigit((unsigned char)**at) || (**at == '.' && !fraction); ++*at) {
		if (**at == '.') {
			fraction = true;
			continue;
		}
		number = number * 10 + (**at - '0');
		scale *= fraction ? 10 : 1;
		digits++;
	}
	if (!digits || digits > 15)
		return DURATION_INVALID;
	*ret_unit = *at;
	size_t length = strcspn(*at, ".0123456789"), unit = 0;
	while (unit < ARRAY_SIZE(duration_units) &&
	       (strlen(duration_units[unit].name) != length || strncmp(*at, duration_units[unit].name, length) != 0))
		unit++;
	*at += length;
	if (!length)
		return DURATION_NO_UNIT;
	if (unit == ARRAY_SIZE(duration_units))
		return DURATION_UNKNOWN_UNIT;
	*total += number / scale * duration_units[unit].nanoseconds;
	return *total < 9.2e18 ? DURATION_GOOD : DURATION_INVALID;
}

int words_parse_duration(const char *text, long long *ret_nanoseconds, struct error *err)
{
	const char *at = text, *unit = text;
	bool negative = *at == '-';
	if (*at == '-' || *at == '+')
		at++;
	double total = 0;
	enum duration_fault fault = *at ? DURATION_GOOD : DURATION_INVALID;
	if (strcmp(at, "0") == 0)
		at++;
	while (fault == DURATION_GOOD && *at)
		fault = take_duration_part(&at, &total, &unit);
	switch (fault) {
	case DURATION_GOOD:
		*ret_nanoseconds = (long long)(negative ? -total : total);
		return 0;
	case DURATION_NO_UNIT:
		return error_set(err, ERROR_INVALID, "time: missing unit in duration \"%s\"", text);
	case DURATION_UNKNOWN_UNIT:
		return error_set(err, ERROR_INVALID, "time: unknown unit \"%.*s\" in duration \"%s\"", (int)(at - unit),
				 unit, text);
	case DURATION_INVALID:
		break;
	}
	return error_set(err, ERROR_INVALID, "time: invalid duration \"%s\"", text);
}
