/* What values are to Go: whether they are true, how they print, how they are as JSON. */
#include "cli/template_value.h"

#include <math.h>
#include <string.h>

struct template_value template_keep(struct template_run *run, json_t *owned)
{
	json_array_append_new(run->made, owned);
	return (struct template_value){.json = owned};
}

bool template_is_true(const struct template_value *value)
{
	const json_t *json = value->json;
	if (value->object_type)
		return true;
	if (!json)
		return false;
	switch (json_typeof(json)) {
	case JSON_NULL:
	case JSON_FALSE:
		return false;
	case JSON_INTEGER:
		return json_integer_value(json) != 0;
	case JSON_REAL:
		return json_real_value(json) != 0;
	case JSON_STRING:
		return json_string_length(json) > 0;
	case JSON_ARRAY:
		return json_array_size(json) > 0;
	case JSON_OBJECT:
		return value->type || json_object_size(json) > 0;
	default:
		return true;
	}
}

const char *template_type_name(const struct template_value *value)
{
	if (value->object_type)
		return value->object_type->name;
	if (value->is_boxed)
		return "interface {}";
	if (!value->json)
		return "<nil>";
	switch (json_typeof(value->json)) {
	case JSON_OBJECT:
		return value->type	    ? value->type->name
		       : value->is_text_map ? "map[string]string"
					    : "map[string]interface {}";
	case JSON_ARRAY:
		return "[]interface {}";
	case JSON_STRING:
		return "string";
	case JSON_INTEGER:
		return "int";
	case JSON_REAL:
		return "float64";
	case JSON_NULL:
		return "<nil>";
	default:
		return "bool";
	}
}

/* The shortest text that reads back as the same number. */
static void print_real(double number, struct buffer *output)
{
	char text[40];
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			break;
	}
	buffer_append_string(output, text, NULL);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of an object in order; the array is the caller's, the names are the object's. */
static const char **sorted_names(const json_t *object, bool sorted)
{
	const char **names = allocate_array(json_object_size(object) + 1, sizeof *names);
	size_t count = 0;
	for (void *at = json_object_iter((json_t *)object); at; at = json_object_iter_next((json_t *)object, at))
		names[count++] = json_object_iter_key(at);
	if (sorted)
		qsort(names, count, sizeof *names, compare_names);
	return names;
}

void template_print_json(const json_t *json, struct buffer *output)
{
	switch (json_typeof(json)) {
	case JSON_NULL:
		buffer_append_string(output, "<nil>", NULL);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		buffer_append_string(output, json_is_true(json) ? "true" : "false", NULL);
		break;
	case JSON_INTEGER:
		buffer_append_format(output, NULL, "%lld", (long long)json_integer_value(json));
		break;
	case JSON_REAL:
		print_real(json_real_value(json), output);
		break;
	case JSON_STRING:
		buffer_append(output, json_string_value(json), json_string_length(json), NULL);
		break;
	case JSON_ARRAY:
		buffer_append_string(output, "[", NULL);
		for (size_t i = 0; i < json_array_size(json); i++) {
			buffer_append_string(output, i ? " " : "", NULL);
			template_print_json(json_array_get(json, i), output);
		}
		buffer_append_string(output, "]", NULL);
		break;
	case JSON_OBJECT: {
		cleanup_free const char **names = sorted_names(json, true);
		buffer_append_string(output, "map[", NULL);
		for (size_t i = 0; names[i]; i++) {
			buffer_append_format(output, NULL, "%s%s:", i ? " " : "", names[i]);
			template_print_json(json_object_get(json, names[i]), output);
		}
		buffer_append_string(output, "]", NULL);
		break;
	}
	}
}

void template_print(const struct template_value *value, struct buffer *output)
{
	if (value->object_type) {
		json_t *all = value->object_type->all(value->object);
		template_print_json(all, output);
		json_decref(all);
	} else if (!value->json || (json_is_null(value->json) && !value->type)) {
		buffer_append_string(output, "<no value>", NULL);
	} else if (value->type && json_is_object(value->json)) {
		/* A struct: its members' values in their order. */
		const char *name;
		json_t *member;
		const char *space = "";
		buffer_append_string(output, "{", NULL);
		json_object_foreach(value->json, name, member)
		{
			const struct template_value inner = {.json = member, .type = value->type};
			buffer_append_string(output, space, NULL);
			template_print(&inner, output);
			space = " ";
		}
		buffer_append_string(output, "}", NULL);
	} else {
		template_print_json(value->json, output);
	}
}

/* Bytes that are no UTF-8 become U+FFFD, as Go has it. Returns the length of the sequence, 0 where it is broken. */
static size_t sequence_length(const unsigned char *at, size_t left)
{
	size_t length = *at < 0x80		    ? 1
			: *at >= 0xc2 && *at < 0xe0 ? 2
			: *at >= 0xe0 && *at < 0xf0 ? 3
			: *at >= 0xf0 && *at < 0xf5 ? 4
						    : 0;
	if (length > left)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] >= 0xa0) || (*at == 0xf0 && at[1] < 0x90) ||
	    (*at == 0xf4 && at[1] >= 0x90))
		return 0;
	return length;
}

static int json_quote(const char *text, size_t size, struct buffer *output, struct error *err)
{
	if (buffer_append_string(output, "\"", err) < 0)
		return -1;
	for (size_t i = 0; i < size;) {
		const unsigned char *at = (const unsigned char *)text + i;
		size_t length = sequence_length(at, size - i);
		static const char escaped[] = "\"\\\n\r\t\b\f";
		static const char letters[] = "\"\\nrtbf";
		const char *found = *at ? strchr(escaped, *at) : NULL;
		int result;
		if (found)
			result = buffer_append_format(output, err, "\\%c", letters[found - escaped]);
		else if (*at < 0x20)
			result = buffer_append_format(output, err, "\\u%04x", *at);
		else if (length == 0)
			result = buffer_append_string(output, "\\ufffd", err);
		else if (length == 3 && memcmp(at, "\xe2\x80", 2) == 0 && (at[2] == 0xa8 || at[2] == 0xa9))
			result = buffer_append_format(output, err, "\\u20%02x", at[2] - 0x80);
		else
			result = buffer_append(output, at, length, err);
		if (result < 0)
			return -1;
		i += length ? length : 1;
	}
	return buffer_append_string(output, "\"", err);
}

struct json_style {
	size_t indent;
	bool sorted;
};

static int json_line(const struct json_style *style, size_t depth, struct buffer *output, struct error *err)
{
	if (style->indent == 0)
		return 0;
	return buffer_append_format(output, err, "\n%*s", (int)(depth * style->indent), "");
}

static int json_write(const json_t *value, const struct json_style *style, size_t depth, struct buffer *output,
		      struct error *err)
{
	if (json_is_string(value))
		return json_quote(json_string_value(value), json_string_length(value), output, err);
	if (json_is_null(value))
		return buffer_append_string(output, "null", err);
	bool is_object = json_is_object(value);
	if (!is_object && !json_is_array(value)) {
		template_print_json(value, output);
		return 0;
	}
	size_t count = is_object ? json_object_size(value) : json_array_size(value);
	if (count == 0)
		return buffer_append_string(output, is_object ? "{}" : "[]", err);
	cleanup_free const char **names = is_object ? sorted_names(value, style->sorted) : NULL;
	buffer_append_string(output, is_object ? "{" : "[", err);
	for (size_t i = 0; i < count; i++) {
		if ((i > 0 && buffer_append_string(output, ",", err) < 0) ||
		    json_line(style, depth + 1, output, err) < 0)
			return -1;
		if (is_object && (json_quote(names[i], strlen(names[i]), output, err) < 0 ||
				  buffer_append_string(output, style->indent ? ": " : ":", err) < 0))
			return -1;
		const json_t *item = is_object ? json_object_get(value, names[i]) : json_array_get(value, i);
		if (json_write(item, style, depth + 1, output, err) < 0)
			return -1;
	}
	if (json_line(style, depth, output, err) < 0)
		return -1;
	return buffer_append_string(output, is_object ? "}" : "]", err);
}

int template_json(const json_t *value, size_t indent, bool sorted, struct buffer *output, struct error *err)
{
	const struct json_style style = {.indent = indent, .sorted = sorted};
	return json_write(value, &style, 0, output, err);
}
