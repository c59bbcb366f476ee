#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const struct option *find_long(const struct option *options, const char *name, size_t length)
{
	for (; options->kind != OPTION_KIND_END; options++)
		if (strlen(options->name) == length && memcmp(options->name, name, length) == 0)
			return options;
	return NULL;
}

static const struct option *find_letter(const struct option *options, char letter)
{
	for (; options->kind != OPTION_KIND_END; options++)
		if (options->letter == letter)
			return options;
	return NULL;
}

static int parse_integer(const char *text, int64_t *ret_number)
{
	char *end;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (errno || end == text || *end)
		return -1;
	*ret_number = number;
	return 0;
}

static int parse_bytes(const char *text, int64_t *ret_bytes)
{
	char *end;
	errno = 0;
	double number = strtod(text, &end);
	if (errno || end == text || number < 0 || !(number < 9e18))
		return -1;
	int shift = 0;
	switch (*end | 0x20) {
	case 'b':
		end++;
		break;
	case 'k':
		shift = 10;
		break;
	case 'm':
		shift = 20;
		break;
	case 'g':
		shift = 30;
		break;
	case 't':
		shift = 40;
		break;
	}
	if (shift) {
		end++;
		if ((*end | 0x20) == 'i')
			end++;
		if ((*end | 0x20) == 'b')
			end++;
	}
	number *= (double)(1LL << shift);
	if (*end || !(number < 9e18))
		return -1;
	*ret_bytes = (int64_t)number;
	return 0;
}

/* A name is known whatever its letters' case, as Docker has it. "" is no filter. */
static int add_filter(const char *text, struct string_list *list)
{
	const char *equals = strchr(text, '=');
	if (!*text)
		return 0;
	if (!equals)
		return -1;
	const char *end = text + strlen(text), *value = equals + 1;
	while (isspace((unsigned char)*text))
		text++;
	while (equals > text && isspace((unsigned char)equals[-1]))
		equals--;
	while (isspace((unsigned char)*value))
		value++;
	while (end > value && isspace((unsigned char)end[-1]))
		end--;
	char *filter = format_string("%.*s=%.*s", (int)(equals - text), text, (int)(end - value), value);
	for (char *at = filter; *at != '='; at++)
		*at = (char)tolower((unsigned char)*at);
	string_list_take(list, filter);
	return 0;
}

static int store_value(const struct option *option, const char *value, struct error *err)
{
	int result = 0;
	switch (option->kind) {
	case OPTION_KIND_FLAG:
		result = text_parse_boolean(value, option->target) ? 0 : -1;
		break;
	case OPTION_KIND_STRING:
		*(const char **)option->target = value;
		break;
	case OPTION_KIND_LIST:
		string_list_add(option->target, value);
		break;
	case OPTION_KIND_INTEGER:
		result = parse_integer(value, option->target);
		break;
	case OPTION_KIND_BYTES:
		result = parse_bytes(value, option->target);
		break;
	case OPTION_KIND_SWAP:
		if (strcmp(value, "-1") == 0)
			*(int64_t *)option->target = -1;
		else
			result = parse_bytes(value, option->target);
		break;
	case OPTION_KIND_FILTERS:
		result = add_filter(value, option->target);
		break;
	case OPTION_KIND_END:
		break;
	}
	if (result == 0)
		return 0;
	const char *why = option->kind == OPTION_KIND_FLAG	? "not true or false"
			  : option->kind == OPTION_KIND_INTEGER ? "not a whole number"
			  : option->kind == OPTION_KIND_FILTERS ? "bad format of filter (expected name=value)"
								: "not a size such as 512m";
	if (option->letter)
		return error_set(err, ERROR_USAGE, "invalid argument \"%s\" for \"-%c, --%s\" flag: %s", value,
				 option->letter, option->name, why);
	return error_set(err, ERROR_USAGE, "invalid argument \"%s\" for \"--%s\" flag: %s", value, option->name, why);
}

/* The arguments as they are gone through: `next` is read, kept ones move down to `kept`. */
struct cursor {
	char **arguments;
	int count;
	int next;
	int kept;
};

static int parse_long(const struct option *options, struct cursor *cursor, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	size_t length = equals ? (size_t)(equals - text) : strlen(text);
	const struct option *option = find_long(options, text, length);
	if (!option)
		return error_set(err, ERROR_USAGE, "unknown flag: --%.*s", (int)length, text);
	if (equals)
		return store_value(option, equals + 1, err);
	if (option->kind == OPTION_KIND_FLAG)
		return store_value(option, "true", err);
	if (cursor->next == cursor->count)
		return error_set(err, ERROR_USAGE, "flag needs an argument: --%s", option->name);
	return store_value(option, cursor->arguments[cursor->next++], err);
}

static int parse_letters(const struct option *options, struct cursor *cursor, const char *letters, struct error *err)
{
	for (const char *at = letters; *at; at++) {
		const struct option *option = find_letter(options, *at);
		if (!option)
			return error_set(err, ERROR_USAGE, "unknown shorthand flag: '%c' in -%s", *at, letters);
		if (option->kind == OPTION_KIND_FLAG) {
			if (at[1] == '=')
				return store_value(option, at + 2, err);
			if (store_value(option, "true", err) < 0)
				return -1;
			continue;
		}
		if (at[1])
			return store_value(option, at[1] == '=' ? at + 2 : at + 1, err);
		if (cursor->next == cursor->count)
			return error_set(err, ERROR_USAGE, "flag needs an argument: '%c' in -%s", *at, letters);
		return store_value(option, cursor->arguments[cursor->next++], err);
	}
	return 0;
}

int options_parse(const struct option *options, enum options_order order, int *count, char **arguments, bool *ret_help,
		  struct error *err)
{
	struct cursor cursor = {.arguments = arguments, .count = *count};
	bool ended = false;
	*ret_help = false;
	while (cursor.next < cursor.count) {
		char *argument = cursor.arguments[cursor.next++];
		if (ended || argument[0] != '-' || argument[1] == '\0') {
			cursor.arguments[cursor.kept++] = argument;
			ended = ended || order == OPTIONS_BEFORE_FIRST;
			continue;
		}
		if (strcmp(argument, "--") == 0) {
			ended = true;
			continue;
		}
		if (strcmp(argument, "--help") == 0) {
			*ret_help = true;
			return 0;
		}
		int result = argument[1] == '-' ? parse_long(options, &cursor, argument + 2, err)
						: parse_letters(options, &cursor, argument + 1, err);
		if (result < 0)
			return -1;
	}
	*count = cursor.kept;
	return 0;
}

void options_print(const struct option *options)
{
	if (options->kind == OPTION_KIND_END)
		return;
	size_t width = 0;
	for (const struct option *option = options; option->kind != OPTION_KIND_END; option++) {
		size_t length = strlen(option->name) + (option->value_name ? strlen(option->value_name) + 1 : 0);
		width = length > width ? length : width;
	}
	printf("\nOptions:\n");
	for (const struct option *option = options; option->kind != OPTION_KIND_END; option++) {
		char letter[5] = "    ";
		if (option->letter)
			snprintf(letter, sizeof letter, "-%c, ", option->letter);
		size_t used = strlen(option->name) + (option->value_name ? strlen(option->value_name) + 1 : 0);
		printf("  %s--%s%s%s%*s%s\n", letter, option->name, option->value_name ? " " : "",
		       option->value_name ? option->value_name : "", (int)(width - used + 3), "", option->help);
	}
}
