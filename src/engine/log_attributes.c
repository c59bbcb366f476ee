#include <ctype.h>
#include <regex.h>
#include <string.h>

#include "engine/log_options.h"

#define TAG_LIMIT 4096

enum { SHORT_ID = 12 };

/* What stands in the braces of a tag. */
static bool field_value(const char *name, const struct container_record *record, struct buffer *text, struct error *err,
			int *ret_result)
{
	const char *image = record->image.text;
	const char *image_digits = strchr(image, ':') ? strchr(image, ':') + 1 : image;
	const struct {
		const char *name, *value;
		int length;
	} fields[] = {
		{"ID", record->id, SHORT_ID},
		{"FullID", record->id, CONTAINER_ID_SIZE},
		{"Name", record->name ? record->name : "", TAG_LIMIT},
		{"ImageID", image_digits, SHORT_ID},
		{"ImageFullID", image, TAG_LIMIT},
		{"ImageName", record->image_name ? record->image_name : "", TAG_LIMIT},
		{"DaemonName", "coracle", TAG_LIMIT},
	};
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (strcmp(fields[i].name, name) != 0)
			continue;
		*ret_result = buffer_append_format(text, err, "%.*s", fields[i].length, fields[i].value);
		return true;
	}
	return false;
}

int log_tag(const struct container_config *config, const struct container_record *record, const char *default_tag,
	    char **ret_tag, struct error *err)
{
	const char *at = string_list_get_key(&config->log_options, "tag");
	cleanup_buffer struct buffer text = BUFFER_INIT(TAG_LIMIT);
	if (!at || !*at)
		at = default_tag;
	*ret_tag = NULL;
	if (!at)
		return 0;
	for (const char *open; (open = strstr(at, "{{"));) {
		const char *close = strstr(open, "}}");
		const char *name = open + 2 + strspn(open + 2, " ");
		size_t length = close && *name == '.'
					? strspn(name + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
					: 0;
		cleanup_free char *field = format_string("%.*s", (int)length, length ? name + 1 : "");
		int result = 0;
		if (buffer_append(&text, at, (size_t)(open - at), err) < 0)
			return -1;
		if (length == 0 || name + 1 + length + strspn(name + 1 + length, " ") != close ||
		    !field_value(field, record, &text, err, &result))
			return error_set(
				err, ERROR_INVALID,
				"template: log-tag: \"%.40s\" is not known: a tag may have {{.ID}}, {{.FullID}}, "
				"{{.Name}}, {{.ImageID}}, {{.ImageFullID}}, {{.ImageName}}, {{.DaemonName}}",
				open);
		if (result < 0)
			return -1;
		at = close + 2;
	}
	if (buffer_append(&text, at, strlen(at), err) < 0)
		return -1;
	*ret_tag = buffer_steal(&text);
	return 0;
}

/* Sets what of `pairs` has a key of the list, or one that the expression finds. */
static int choose(const struct string_list *pairs, const char *names, const char *pattern,
		  struct string_list *attributes, struct error *err)
{
	regex_t expression;
	cleanup_free char *list = format_string(",%s,", names ? names : "");
	if (pattern && regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return error_set(err, ERROR_INVALID, "error parsing regexp: `%s`", pattern);
	for (size_t i = 0; i < pairs->count; i++) {
		const char *pair = pairs->items[i];
		size_t length = strcspn(pair, "=");
		cleanup_free char *key = format_string("%.*s", (int)length, pair);
		cleanup_free char *wanted = format_string(",%s,", key);
		bool is_named = *key && !strchr(key, ',') && strstr(list, wanted);
		if (is_named || (pattern && regexec(&expression, key, 0, NULL, 0) == 0))
			string_list_set_key(attributes, key, pair[length] ? pair + length + 1 : "");
	}
	if (pattern)
		regfree(&expression);
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	const char *first = *(const char *const *)a, *second = *(const char *const *)b;
	size_t length = strcspn(first, "="), other = strcspn(second, "=");
	int order = memcmp(first, second, length < other ? length : other);
	return order != 0 ? order : (length > other) - (length < other);
}

void log_sort_pairs(struct string_list *pairs)
{
	if (pairs->count > 1)
		qsort(pairs->items, pairs->count, sizeof *pairs->items, compare_keys);
}

int log_attributes(const struct container_config *config, const struct container_record *record,
		   struct string_list *attributes, struct error *err)
{
	const struct string_list *options = &config->log_options;
	cleanup_free char *tag = NULL;
	if (choose(&config->labels, string_list_get_key(options, "labels"),
		   string_list_get_key(options, "labels-regex"), attributes, err) < 0 ||
	    choose(&config->environment, string_list_get_key(options, "env"), string_list_get_key(options, "env-regex"),
		   attributes, err) < 0 ||
	    log_tag(config, record, NULL, &tag, err) < 0)
		return -1;
	if (tag && *tag)
		string_list_set_key(attributes, "tag", tag);
	log_sort_pairs(attributes);
	return 0;
}

static void quote(char **at, const char *text, size_t length)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];
		if (isalnum(byte) || memchr("-_.~", byte, 4)) {
			*(*at)++ = (char)byte;
		} else if (byte == ' ') {
			*(*at)++ = '+';
		} else {
			*(*at)++ = '%';
			*(*at)++ = digits[byte >> 4];
			*(*at)++ = digits[byte & 15];
		}
	}
}

char *log_details_text(const struct string_list *attributes)
{
	size_t size = 1;
	for (size_t i = 0; i < attributes->count; i++)
		size += 3 * strlen(attributes->items[i]) + 1;
	char *text = allocate(size);
	char *at = text;
	for (size_t i = 0; i < attributes->count; i++) {
		const char *pair = attributes->items[i];
		size_t length = strcspn(pair, "=");
		if (i > 0)
			*at++ = ',';
		quote(&at, pair, length);
		*at++ = '=';
		quote(&at, pair + length + 1, strlen(pair + length + 1));
	}
	return text;
}
