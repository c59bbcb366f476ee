#include "registry/permission.h"

#include <string.h>

#include "base/buffer.h"
#include "oci/reference.h"

static const struct {
	const char *word;   /* of the command line */
	const char *action; /* of a scope */
	unsigned permission;
	unsigned implied; /* what the word gives */
} permission_names[] = {
	{"read", "pull", PERMISSION_PULL, PERMISSION_PULL},
	{"write", "push", PERMISSION_PUSH, PERMISSION_PULL | PERMISSION_PUSH},
	{"delete", "delete", PERMISSION_DELETE, PERMISSION_DELETE},
};

/* The permissions of a list with commas; `by_word` says whose names are used. -1: one is unknown. */
static int parse_names(const char *text, bool by_word, bool lenient, unsigned *ret_permissions)
{
	unsigned permissions = 0;
	while (*text) {
		size_t length = strcspn(text, ",");
		bool found = !by_word && length == 1 && *text == '*';
		if (found)
			permissions = PERMISSION_ALL;
		for (size_t i = 0; i < ARRAY_SIZE(permission_names) && !found; i++) {
			const char *name = by_word ? permission_names[i].word : permission_names[i].action;
			found = strlen(name) == length && memcmp(name, text, length) == 0;
			if (found)
				permissions |= by_word ? permission_names[i].implied : permission_names[i].permission;
		}
		if (!found && !lenient)
			return -1;
		text += length;
		text += *text == ',';
	}
	*ret_permissions = permissions;
	return 0;
}

int permissions_parse(const char *text, unsigned *ret_permissions, struct error *err)
{
	unsigned permissions;
	if (parse_names(text, true, false, &permissions) < 0 || permissions == 0)
		return error_set(err, ERROR_USAGE,
				 "invalid scope \"%s\": use read, write or delete, with commas between", text);
	*ret_permissions = permissions;
	return 0;
}

static char *names_text(unsigned permissions, bool by_word)
{
	cleanup_string_list struct string_list names = {0};
	for (size_t i = 0; i < ARRAY_SIZE(permission_names); i++)
		if (permissions & permission_names[i].permission)
			string_list_add(&names, by_word ? permission_names[i].word : permission_names[i].action);
	return string_list_join(&names, ",");
}

char *permissions_text(unsigned permissions)
{
	return names_text(permissions, true);
}

bool pattern_is_valid(const char *pattern)
{
	size_t length = strlen(pattern);
	if (strcmp(pattern, "*") == 0)
		return true;
	if (length < 3 || strcmp(pattern + length - 2, "/*") != 0)
		return reference_path_is_valid(pattern);
	cleanup_free char *prefix = duplicate_bytes(pattern, length - 2);
	return reference_path_is_valid(prefix);
}

bool pattern_matches(const char *pattern, const char *repository)
{
	size_t length = strlen(pattern);
	if (strcmp(pattern, "*") == 0)
		return true;
	if (length >= 2 && strcmp(pattern + length - 2, "/*") == 0)
		return strncmp(pattern, repository, length - 1) == 0 && repository[length - 1];
	return strcmp(pattern, repository) == 0;
}

bool repository_is_of(const char *repository, const char *user)
{
	size_t length = strlen(user);
	return length > 0 && strncmp(repository, user, length) == 0 && repository[length] == '/';
}

void scope_list_release(struct scope_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].type);
		free(list->items[i].name);
	}
	free(list->items);
	*list = (struct scope_list){0};
}

static struct scope *find_scope(const struct scope_list *list, const char *type, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].type, type) == 0 && strcmp(list->items[i].name, name) == 0)
			return &list->items[i];
	return NULL;
}

void scope_list_add(struct scope_list *list, const char *type, const char *name, unsigned permissions)
{
	struct scope *scope = find_scope(list, type, name);
	if (scope) {
		scope->permissions |= permissions;
		return;
	}
	list->items = reallocate_array(list->items, list->count + 1, sizeof *list->items);
	list->items[list->count++] = (struct scope){duplicate_string(type), duplicate_string(name), permissions};
}

/* TYPE:NAME:ACTIONS; NAME may hold a colon, TYPE may have a class behind it: "repository(plugin)". */
static int parse_scope(struct scope_list *list, const char *text, size_t length, struct error *err)
{
	cleanup_free char *scope = duplicate_bytes(text, length);
	char *first = strchr(scope, ':');
	char *last = strrchr(scope, ':');
	if (!first || first == last || first == scope || last == first + 1)
		return error_set(err, ERROR_INVALID, "the scope \"%.200s\" is not TYPE:NAME:ACTIONS", scope);
	*first = *last = '\0';
	scope[strcspn(scope, "(")] = '\0';
	if (strlen(first + 1) > REFERENCE_NAME_LIMIT)
		return error_set(err, ERROR_INVALID, "a scope's name has more than %d bytes", REFERENCE_NAME_LIMIT);
	unsigned permissions = 0;
	parse_names(last + 1, false, true, &permissions);
	if (list->count == SCOPE_LIMIT)
		return error_set(err, ERROR_INVALID, "more than %d scopes", SCOPE_LIMIT);
	scope_list_add(list, scope, first + 1, permissions);
	return 0;
}

int scope_list_parse(struct scope_list *list, const char *text, struct error *err)
{
	for (;;) {
		text += strspn(text, " ");
		size_t length = strcspn(text, " ");
		if (length == 0)
			return 0;
		if (parse_scope(list, text, length, err) < 0)
			return -1;
		text += length;
	}
}

unsigned scope_list_permissions(const struct scope_list *list, const char *type, const char *name)
{
	const struct scope *scope = find_scope(list, type, name);
	return scope ? scope->permissions : 0;
}

json_t *scope_list_to_json(const struct scope_list *list)
{
	json_t *access = json_array();
	for (size_t i = 0; i < list->count; i++) {
		const struct scope *scope = &list->items[i];
		json_t *actions = json_array();
		for (size_t j = 0; j < ARRAY_SIZE(permission_names); j++)
			if (scope->permissions & permission_names[j].permission)
				json_array_append_new(actions, json_string(permission_names[j].action));
		json_t *entry = json_object();
		json_set_text(entry, "type", scope->type);
		json_set_text(entry, "name", scope->name);
		json_object_set_new(entry, "actions", actions);
		json_array_append_new(access, entry);
	}
	return access;
}

int scope_list_from_json(struct scope_list *list, const json_t *access, struct error *err)
{
	if (json_array_size(access) > SCOPE_LIMIT)
		return error_set(err, ERROR_LIMIT, "more than %d scopes", SCOPE_LIMIT);
	for (size_t i = 0; i < json_array_size(access); i++) {
		const json_t *entry = json_array_get(access, i);
		const char *type, *name;
		cleanup_string_list struct string_list actions = {0};
		if (json_need_string(entry, "type", &type, err) < 0 ||
		    json_need_string(entry, "name", &name, err) < 0 ||
		    json_get_strings(entry, "actions", &actions, err) < 0)
			return -1;
		cleanup_free char *joined = string_list_join(&actions, ",");
		unsigned permissions = 0;
		parse_names(joined, false, true, &permissions);
		scope_list_add(list, type, name, permissions);
	}
	return 0;
}
