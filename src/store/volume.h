/* Named and anonymous volumes: ROOT/volumes/<name>/_data. An anonymous one has 64 hexadecimal digits for a name. */
#pragma once

#include "base/string_list.h"
#include "store/store.h"

bool volume_name_is_valid(const char *name);
/* Finds it, or makes it (ret_made says which). ret_path is absolute, owned by the caller. */
int volume_ensure(struct store *store, const char *name, const char *anonymous_owner /* container id or NULL */,
		  char **ret_path, bool *ret_made, struct error *err);
/* The anonymous volumes of a container that goes with --rm or `rm -v`. */
int volume_remove_anonymous(struct store *store, const char *container_id, struct error *err);
/* Row and data. ERROR_NOT_FOUND "get X: no such volume". Whether a container uses it is the caller's to know. */
int volume_remove(struct store *store, const char *name, struct error *err);
/* Names, sorted. */
int volume_list(struct store *store, struct string_list *ret_names, struct error *err);
