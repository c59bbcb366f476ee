#include "base/string_list.h"

#include <stdarg.h>
#include <string.h>

void string_list_release(struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct string_list){0};
}

void string_list_take(struct string_list *list, char *text)
{
	list->items = reallocate_array(list->items, list->count + 2, sizeof *list->items);
	list->items[list->count++] = text;
	list->items[list->count] = NULL;
}

void string_list_add(struct string_list *list, const char *text)
{
	string_list_take(list, duplicate_string(text));
}

void string_list_add_once(struct string_list *list, const char *text)
{
	if (!string_list_contains(list, text))
		string_list_add(list, text);
}

void string_list_add_format(struct string_list *list, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *text = NULL;
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		abort();
	string_list_take(list, text);
}

void string_list_copy(struct string_list *list, const struct string_list *from)
{
	struct string_list copy = {0};
	for (size_t i = 0; i < from->count; i++)
		string_list_add(&copy, from->items[i]);
	string_list_release(list);
	*list = copy;
}

bool string_list_equal(const struct string_list *a, const struct string_list *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return a->count == b->count;
}

bool string_list_contains(const struct string_list *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], text) == 0)
			return true;
	return false;
}

ptrdiff_t string_list_find_key(const struct string_list *list, const char *key)
{
	size_t length = strlen(key);
	for (size_t i = 0; i < list->count; i++)
		if (strncmp(list->items[i], key, length) == 0 && list->items[i][length] == '=')
			return (ptrdiff_t)i;
	return -1;
}

void string_list_set_key(struct string_list *list, const char *key, const char *value)
{
	char *text = format_string("%s=%s", key, value);
	ptrdiff_t index = string_list_find_key(list, key);
	if (index >= 0)
		replace_string(&list->items[index], text);
	else
		string_list_take(list, text);
}

const char *string_list_get_key(const struct string_list *list, const char *key)
{
	ptrdiff_t index = string_list_find_key(list, key);
	return index < 0 ? NULL : list->items[index] + strlen(key) + 1;
}

char *string_list_join(const struct string_list *list, const char *separator)
{
	size_t size = 1;
	for (size_t i = 0; i < list->count; i++)
		size += strlen(list->items[i]) + strlen(separator);
	char *text = allocate(size);
	char *end = text;
	for (size_t i = 0; i < list->count; i++) {
		if (i)
			end = stpcpy(end, separator);
		end = stpcpy(end, list->items[i]);
	}
	return text;
}
