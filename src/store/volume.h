/* Named and anonymous volumes: ROOT/volumes/<name>/_data. An anonymous one has 64 hexadecimal digits for a name. */
#pragma once

#include "base/string_list.h"
#include "store/store.h"

bool volume_name_is_valid(const char *name);
/* Finds it, or makes it (ret_made says which). ret_path is absolute, owned by the caller. */
int volume_ensure(struct store *store, const char *name, const char *anonymous_owner /* container id or NULL */,
		  char **ret_path, bool *ret_made, struct error *err);
/* The anonymous volumes of a container that goes with --rm or `rm -v`; `may_remove` as for volume_remove(): those that
 * another container uses by now (ERROR_CONFLICT) stay. */
int volume_remove_anonymous(struct store *store, const char *container_id,
			    int (*may_remove)(struct store *store, const char *name, void *context, struct error *err),
			    void *context, struct error *err);
/*
 * A volume as its row tells. An anonymous one came of a VOLUME, of `-v /folder`, or of `volume create` without a name.
 */
struct volume_record {
	char *name;
	bool is_anonymous;
	nanoseconds created;
	struct string_list labels; /* KEY=VALUE, sorted */
};
void volume_record_release(struct volume_record *record);
#define cleanup_volume_record CLEANUP(volume_record_release)

/* What `volume create` says: name NULL is a fresh anonymous one. An existing one stays as it is. */
int volume_create(struct store *store, const char *name, const struct string_list *labels, char **ret_name,
		  struct error *err);
/* ERROR_NOT_FOUND "get X: no such volume". */
int volume_find(struct store *store, const char *name, struct volume_record *ret_record, struct error *err);
/* ROOT/volumes/<name>/_data, owned by the caller. */
char *volume_path(const struct store *store, const char *name);
/* Bytes of its files, each counted once whatever its number of names. */
int volume_size(struct store *store, const char *name, uint64_t *ret_bytes, struct error *err);

/*
 * Row and data. ERROR_NOT_FOUND as above. Whether a container uses it is the caller's to know: `may_remove` (or NULL)
 * is asked inside of the transaction that takes the row away, so that no container is added in between, and fails
 * where the volume is to stay.
 */
int volume_remove(struct store *store, const char *name,
		  int (*may_remove)(struct store *store, const char *name, void *context, struct error *err),
		  void *context, struct error *err);

struct volume_list {
	struct volume_record *items; /* sorted by name */
	size_t count;
};
void volume_list_release(struct volume_list *list);
#define cleanup_volume_list CLEANUP(volume_list_release)
int volume_list(struct store *store, struct volume_list *ret_list, struct error *err);
/*
 * A volume's folder is made before its row. A folder without a row is not garbage, unlike all else in the store: it may
 * hold somebody's data (after a power cut took the row away), so it is never collected and the next volume_ensure()
 * finds it again. A removal gives the folder a name that no volume can have (".removed-…") before the row goes; what a
 * killed one leaves of that is taken along by the next.
 */
