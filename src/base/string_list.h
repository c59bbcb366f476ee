/* A list of owned strings, NULL-terminated so that `items` can be given to execve. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/memory.h"

struct string_list {
	char **items; /* NULL while empty; else items[count] is NULL */
	size_t count;
};

void string_list_release(struct string_list *list);
void string_list_add(struct string_list *list, const char *text);      /* copies */
void string_list_add_once(struct string_list *list, const char *text); /* unless it is there */
void string_list_take(struct string_list *list, char *text);	       /* takes ownership */
void string_list_add_format(struct string_list *list, const char *format, ...) PRINTF_LIKE(2, 3);
void string_list_copy(struct string_list *list, const struct string_list *from);  /* replaces what list held */
bool string_list_equal(const struct string_list *a, const struct string_list *b); /* the same items, in their order */
bool string_list_contains(const struct string_list *list, const char *text);
/* The index of the item that begins with "KEY=", or -1. */
ptrdiff_t string_list_find_key(const struct string_list *list, const char *key);
/* Sets KEY=VALUE in place, or at the end where there is none (the way of an environment). */
void string_list_set_key(struct string_list *list, const char *key, const char *value);
/* The value behind "KEY=", or NULL; owned by the list. */
const char *string_list_get_key(const struct string_list *list, const char *key);
/* The items with `separator` between them, owned by the caller. */
char *string_list_join(const struct string_list *list, const char *separator);

#define cleanup_string_list CLEANUP(string_list_release)
