/*
 * Access to JSON documents (jansson) that others wrote: bounded, typed, with an error that names the member.
 * A json_t borrowed from its parent is const-like; one that is returned owned is dropped by cleanup_json.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/string_list.h"

#define JSON_DEPTH_LIMIT 64

static inline void json_release(json_t **value)
{
	json_decref(*value);
	*value = NULL;
}
#define cleanup_json CLEANUP(json_release)

/* Parses all `size` bytes. Refuses duplicate members, bytes behind the value, and more than JSON_DEPTH_LIMIT levels. */
int json_parse(const void *bytes, size_t size, json_t **ret_value, struct error *err);
/* Compact text with the members in their order, owned by the caller. */
char *json_text(const json_t *value);
/* The same with members sorted: one document, one text. Used for digests. */
char *json_canonical_text(const json_t *value);

/*
 * Members of an object. Absent and null are alike: get_* leaves the output as it was and returns 0; need_* fails with
 * ERROR_INVALID. A member of another type is ERROR_INVALID in both. Strings are borrowed from the document.
 */
int json_get_string(const json_t *object, const char *name, const char **ret_text, struct error *err);
int json_need_string(const json_t *object, const char *name, const char **ret_text, struct error *err);
int json_get_integer(const json_t *object, const char *name, int64_t *ret_number, struct error *err);
int json_need_integer(const json_t *object, const char *name, int64_t *ret_number, struct error *err);
int json_get_boolean(const json_t *object, const char *name, bool *ret_value, struct error *err);
int json_get_object(const json_t *object, const char *name, json_t **ret_object, struct error *err);
int json_get_array(const json_t *object, const char *name, json_t **ret_array, struct error *err);
/* An array of strings, replacing what list held. */
int json_get_strings(const json_t *object, const char *name, struct string_list *list, struct error *err);

/* An owned array of the items. */
json_t *json_from_strings(const struct string_list *list);
/* Sets name to text, where text is neither NULL nor "". */
void json_set_text(json_t *object, const char *name, const char *text);
/* Sets each KEY=VALUE of the list. */
void json_set_pairs(json_t *object, const struct string_list *pairs);
