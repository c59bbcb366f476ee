/*
 * Containers' records. The row keeps what was asked for (a JSON document that engine/ owns) and what is durable; what
 * a running container is doing is in RUN_ROOT, kept by its monitor (monitor/protocol.h), and is read from there.
 */
#pragma once

#include "base/json.h"
#include "store/store.h"

#define CONTAINER_ID_SIZE 65 /* 64 hexadecimal digits and a NUL */

struct container_record {
	char id[CONTAINER_ID_SIZE];
	char *name;
	struct digest image; /* id; unset where the image has gone */
	char *image_name;    /* as the user typed it */
	json_t *config;	     /* owned; engine/container_config.h */
	nanoseconds created;
	nanoseconds started;  /* 0: never */
	nanoseconds finished; /* 0: not yet */
	int exit_code;
	bool remove_on_exit;
	/* Of one that is started again (engine/restart.h). */
	int restarts;		   /* since somebody started it */
	nanoseconds restart_delay; /* before the last one */
	nanoseconds restart_at;	   /* when it is due; 0: it is not */
	bool is_stopped;	   /* by somebody's word, since it was started */
	char *problem;		   /* why the last start failed; "" */
};

void container_record_release(struct container_record *record);
#define cleanup_container_record CLEANUP(container_record_release)

/* A fresh id, no other's, nor a name in use. */
int container_new_id(struct store *store, char ret_id[CONTAINER_ID_SIZE], struct error *err);
/* ERROR_CONFLICT with Docker's words where the name is taken or equals another container's id.
 * Its folder is made by the first start. */
int container_add(struct store *store, const struct container_record *record, struct error *err);
/* By name, id, or unique prefix of an id. ERROR_NOT_FOUND "No such container: X". */
int container_find(struct store *store, const char *text, struct container_record *ret_record, struct error *err);
/* By somebody's word: what was of earlier restarts is over. */
int container_set_started(struct store *store, const char *id, nanoseconds started, struct error *err);
/* Because it was due. */
int container_set_started_again(struct store *store, const char *id, nanoseconds started, struct error *err);
/* Takes a start that failed back: the times and the code of `record` hold again, and it is not due. */
int container_set_not_started(struct store *store, const struct container_record *record, const char *problem,
			      struct error *err);
/* Replaces the config document of a container. */
int container_set_config(struct store *store, const char *id, const json_t *config, struct error *err);
int container_set_finished(struct store *store, const char *id, nanoseconds finished, int exit_code, struct error *err);
/* The same, and it is to be started again after `delay`, which counts as a restart. */
int container_set_due(struct store *store, const char *id, nanoseconds finished, int exit_code, nanoseconds delay,
		      struct error *err);
/* By somebody's word: it is not started again, not even where it is due. */
int container_set_stopped(struct store *store, const char *id, struct error *err);
/* ERROR_CONFLICT with Docker's words, as for container_add(); ERROR_INVALID for what is no name. */
int container_rename(struct store *store, const char *id, const char *name, struct error *err);
/* What a container that was never added left in the two roots. */
int container_remove_folders(struct store *store, const char *id, struct error *err);
/* Row and folders. */
int container_remove(struct store *store, const char *id, struct error *err);

struct container_list {
	struct container_record *items; /* newest first */
	size_t count;
};
void container_list_release(struct container_list *list);
#define cleanup_container_list CLEANUP(container_list_release)
int container_list(struct store *store, struct container_list *ret_list, struct error *err);

/* Diff ids of the layers that the container was added with, base first; they stay until it goes, even where its image
 * was removed by force. ret_diff_ids is owned by the caller, NULL where there are none. */
int container_layers(struct store *store, const char *id, struct digest **ret_diff_ids, size_t *ret_count,
		     struct error *err);

/* ROOT/containers/<id> and RUN_ROOT/containers/<id>; owned descriptors. */
int container_open_folder(struct store *store, const char *id, bool make, int *ret_fd, struct error *err);
int container_open_run_folder(struct store *store, const char *id, bool make, int *ret_fd, struct error *err);

/* A name in Docker's manner: adjective_surname, not in use. Owned by the caller. */
int container_generate_name(struct store *store, char **ret_name, struct error *err);
bool container_name_is_valid(const char *name); /* [a-zA-Z0-9][a-zA-Z0-9_.-]+ */
