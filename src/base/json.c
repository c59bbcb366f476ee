#include "base/json.h"

#include <string.h>

static bool deeper_than(const char *bytes, size_t size, int limit)
{
	int depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < size; i++) {
		char c = bytes[i];
		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > limit)
				return true;
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	return false;
}

int json_parse(const void *bytes, size_t size, json_t **ret_value, struct error *err)
{
	if (deeper_than(bytes, size, JSON_DEPTH_LIMIT))
		return error_set(err, ERROR_LIMIT, "JSON with more than %d levels", JSON_DEPTH_LIMIT);
	json_error_t why;
	json_t *value = json_loadb(bytes, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (!value)
		return error_set(err, ERROR_INVALID, "not valid JSON: line %d, column %d: %s", why.line, why.column,
				 why.text);
	*ret_value = value;
	return 0;
}

static char *dump(const json_t *value, size_t flags)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | flags);
	if (!text)
		abort();
	return text;
}

char *json_text(const json_t *value)
{
	return dump(value, 0);
}

char *json_canonical_text(const json_t *value)
{
	return dump(value, JSON_SORT_KEYS);
}

/* The member, NULL where it is absent or null, -1 where it has another type. */
static int member(const json_t *object, const char *name, json_type type, const char *type_name, json_t **ret_value,
		  struct error *err)
{
	*ret_value = NULL;
	if (!json_is_object(object))
		return error_set(err, ERROR_INVALID, "not a JSON object, so it has no \"%s\"", name);
	json_t *value = json_object_get(object, name);
	if (!value || json_is_null(value))
		return 0;
	if (json_typeof(value) != type)
		return error_set(err, ERROR_INVALID, "\"%s\" is not %s", name, type_name);
	*ret_value = value;
	return 0;
}

int json_get_string(const json_t *object, const char *name, const char **ret_text, struct error *err)
{
	json_t *value;
	if (member(object, name, JSON_STRING, "a string", &value, err) < 0)
		return -1;
	if (!value)
		return 0;
	if (strlen(json_string_value(value)) != json_string_length(value))
		return error_set(err, ERROR_INVALID, "\"%s\" holds a NUL", name);
	*ret_text = json_string_value(value);
	return 0;
}

int json_need_string(const json_t *object, const char *name, const char **ret_text, struct error *err)
{
	const char *text = NULL;
	if (json_get_string(object, name, &text, err) < 0)
		return -1;
	if (!text)
		return error_set(err, ERROR_INVALID, "\"%s\" is missing", name);
	*ret_text = text;
	return 0;
}

int json_get_integer(const json_t *object, const char *name, int64_t *ret_number, struct error *err)
{
	json_t *value;
	if (member(object, name, JSON_INTEGER, "a whole number", &value, err) < 0)
		return -1;
	if (value)
		*ret_number = json_integer_value(value);
	return 0;
}

int json_need_integer(const json_t *object, const char *name, int64_t *ret_number, struct error *err)
{
	json_t *value;
	if (member(object, name, JSON_INTEGER, "a whole number", &value, err) < 0)
		return -1;
	if (!value)
		return error_set(err, ERROR_INVALID, "\"%s\" is missing", name);
	*ret_number = json_integer_value(value);
	return 0;
}

int json_get_boolean(const json_t *object, const char *name, bool *ret_value, struct error *err)
{
	if (!json_is_object(object))
		return error_set(err, ERROR_INVALID, "not a JSON object, so it has no \"%s\"", name);
	const json_t *value = json_object_get(object, name);
	if (!value || json_is_null(value))
		return 0;
	if (!json_is_boolean(value))
		return error_set(err, ERROR_INVALID, "\"%s\" is not true or false", name);
	*ret_value = json_is_true(value);
	return 0;
}

int json_get_object(const json_t *object, const char *name, json_t **ret_object, struct error *err)
{
	json_t *value;
	if (member(object, name, JSON_OBJECT, "an object", &value, err) < 0)
		return -1;
	if (value)
		*ret_object = value;
	return 0;
}

int json_get_array(const json_t *object, const char *name, json_t **ret_array, struct error *err)
{
	json_t *value;
	if (member(object, name, JSON_ARRAY, "an array", &value, err) < 0)
		return -1;
	if (value)
		*ret_array = value;
	return 0;
}

int json_get_strings(const json_t *object, const char *name, struct string_list *list, struct error *err)
{
	json_t *array = NULL;
	if (json_get_array(object, name, &array, err) < 0)
		return -1;
	if (!array)
		return 0;
	cleanup_string_list struct string_list items = {0};
	size_t index;
	json_t *item;
	json_array_foreach(array, index, item)
	{
		const char *text = json_string_value(item);
		if (!text || strlen(text) != json_string_length(item))
			return error_set(err, ERROR_INVALID, "\"%s\" is not an array of strings", name);
		string_list_add(&items, text);
	}
	string_list_release(list);
	*list = items;
	items = (struct string_list){0};
	return 0;
}

json_t *json_from_strings(const struct string_list *list)
{
	json_t *array = json_array();
	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(array, json_string(list->items[i]));
	return array;
}

void json_set_text(json_t *object, const char *name, const char *text)
{
	if (text && *text)
		json_object_set_new(object, name, json_string(text));
}

void json_set_pairs(json_t *object, const struct string_list *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const char *equals = strchr(pairs->items[i], '=');
		cleanup_free char *key = duplicate_bytes(pairs->items[i], strcspn(pairs->items[i], "="));
		json_object_set_new(object, key, json_string(equals ? equals + 1 : ""));
	}
}
