#include "engine/filter.h"

#include <regex.h>
#include <string.h>

#include "base/text.h"

const char *filter_value(const char *filter, const char *name)
{
	size_t length = strlen(name);
	return strncmp(filter, name, length) == 0 && filter[length] == '=' ? filter + length + 1 : NULL;
}

bool filter_is_set(const struct string_list *filters, const char *name)
{
	return string_list_find_key(filters, name) >= 0;
}

int filter_check_names(const struct string_list *filters, const char *const *known, struct error *err)
{
	for (size_t i = 0; i < filters->count; i++) {
		const char *filter = filters->items[i];
		const char *const *name = known;
		while (*name && !filter_value(filter, *name))
			name++;
		if (!*name)
			return error_set(err, ERROR_INVALID, "invalid filter '%.*s'", (int)strcspn(filter, "="),
					 filter);
	}
	return 0;
}

static int parse_flag(const char *name, const char *value, bool *ret_value, struct error *err)
{
	return text_parse_boolean(value, ret_value)
		       ? 0
		       : error_set(err, ERROR_INVALID, "invalid filter '%s=[%s]'", name, value);
}

int filter_flag(const struct string_list *filters, const char *name, bool *ret_value, struct error *err)
{
	for (size_t i = 0; i < filters->count; i++) {
		const char *value = filter_value(filters->items[i], name);
		if (value && parse_flag(name, value, ret_value, err) < 0)
			return -1;
	}
	return 0;
}

/* KEY, or KEY=VALUE. */
static bool has_label(const struct string_list *labels, const char *wanted)
{
	size_t length = strcspn(wanted, "=");
	cleanup_free char *key = format_string("%.*s", (int)length, wanted);
	const char *value = string_list_get_key(labels, key);
	return value && (wanted[length] == '\0' || strcmp(value, wanted + length + 1) == 0);
}

bool filter_match_labels(const struct string_list *filters, const struct string_list *labels)
{
	for (size_t i = 0; i < filters->count; i++) {
		const char *wanted = filter_value(filters->items[i], "label");
		const char *unwanted = filter_value(filters->items[i], "label!");
		if ((wanted && !has_label(labels, wanted)) || (unwanted && has_label(labels, unwanted)))
			return false;
	}
	return true;
}

int filter_until(const struct string_list *filters, nanoseconds now, nanoseconds *ret_until, struct error *err)
{
	const char *found = NULL;
	for (size_t i = 0; i < filters->count; i++) {
		const char *value = filter_value(filters->items[i], "until");
		if (value && found)
			return error_set(err, ERROR_INVALID, "more than one until filter specified");
		found = value ? value : found;
	}
	if (!found) {
		*ret_until = 0;
		return 0;
	}
	if (!time_parse_moment(found, now, ret_until))
		return error_set(err, ERROR_INVALID, "failed to parse value as time or duration: \"%s\"", found);
	return 0;
}

static bool match_expression(const char *text, const char *pattern)
{
	regex_t expression;
	if (regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	bool matches = regexec(&expression, text, 0, NULL, 0) == 0;
	regfree(&expression);
	return matches;
}

bool filter_match_text(const struct string_list *filters, const char *name, const char *text)
{
	bool is_set = false;
	for (size_t i = 0; i < filters->count; i++) {
		const char *value = filter_value(filters->items[i], name);
		if (value && (strcmp(value, text) == 0 || match_expression(text, value)))
			return true;
		is_set = is_set || value;
	}
	return !is_set;
}
