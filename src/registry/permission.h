/*
 * What may be done with which repository: permissions, patterns of repository names, and the scopes of Docker's token
 * authentication ("repository:regid/s2:pull,push").
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

enum {
	PERMISSION_PULL = 1,
	PERMISSION_PUSH = 2,
	PERMISSION_DELETE = 4,
	PERMISSION_ALL = 7,
};

/* The command line's words: "read", "write" (which reads, too), "delete", with commas. */
int permissions_parse(const char *text, unsigned *ret_permissions, struct error *err);
/* "read,write,delete", owned by the caller. */
char *permissions_text(unsigned permissions);

/* "*", "regid/s2", or "regid" + slash + "*" for everything below regid. */
bool pattern_is_valid(const char *pattern);
bool pattern_matches(const char *pattern, const char *repository);
/* Whether the repository is the user's own: "regid/..." is regid's. `user` is in lower case. */
bool repository_is_of(const char *repository, const char *user);

#define SCOPE_LIMIT 64 /* in one token */

struct scope {
	char *type; /* "repository", "registry" */
	char *name; /* "regid/s2", "catalog" */
	unsigned permissions;
};
struct scope_list {
	struct scope *items;
	size_t count;
};
void scope_list_release(struct scope_list *list);
#define cleanup_scope_list CLEANUP(scope_list_release)

/* Adds the scopes of a text, which spaces part. Unknown actions are left out; one that breaks the grammar is an error.
 */
int scope_list_parse(struct scope_list *list, const char *text, struct error *err);
void scope_list_add(struct scope_list *list, const char *type, const char *name, unsigned permissions);
/* What the list allows; 0 where it does not name the resource. */
unsigned scope_list_permissions(const struct scope_list *list, const char *type, const char *name);
/* The claim `access` of a token: [{"type", "name", "actions"}]. */
json_t *scope_list_to_json(const struct scope_list *list);
int scope_list_from_json(struct scope_list *list, const json_t *access, struct error *err);
