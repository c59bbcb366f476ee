/*
 * Runs the stages that the target needs, each once, bases and sources first. Shared by the executor_*.c files and
 * build.c.
 *
 * A stage is a configuration, a row of layers and a key. A step that may make a layer asks the build cache with its own
 * key; the stage's key then goes on from what the step made (the layer's diff id), so that two ways to one layer are
 * one from there on. A step that changes settings only goes into the key as it is.
 *
 * Nothing here is undone on failure: what is unfinished lies in the store's staging folders, which recovery removes.
 */
#pragma once

#include "build/build.h"
#include "build/cache.h"
#include "build/content.h"
#include "build/context_folder.h"
#include "build/expand.h"
#include "build/ignore.h"
#include "build/memo.h"
#include "build/report.h"
#include "build/rootfs_view.h"
#include "build/settings.h"
#include "build/stages.h"
#include "store/build_cache.h"
#include "store/layer_folder.h"

struct stage_state {
	bool is_built;
	bool is_away;		    /* a worker builds it */
	bool is_wanted;		    /* by an ONBUILD trigger, which nobody knew of when the graph was made */
	struct image_config config; /* diff_ids included */
	struct image_layer *layers; /* one for each of config.diff_ids */
	size_t layer_count;
	struct digest key;
	struct string_list arguments; /* KEY=VALUE: ARGs in scope that have a value */
	struct string_list declared;  /* KEY=VALUE: all ARGs in scope, in their order */
	nanoseconds created;	      /* of the newest layer, 0 where there is none */
	bool command_is_ours;
	bool is_in_trigger; /* what is executed comes from the base image's ONBUILD */
	char *prefix;	    /* "build " of "[build 2/3]", or "" */
	size_t step, steps; /* 2 and 3 of it */
};

struct executor {
	struct store *store;
	const struct build_host *host;
	const struct build_options *options;
	const struct dockerfile *dockerfile;
	const struct stage_graph *graph;
	struct stage_state *states; /* graph->count of them */
	struct report *report;
	struct string_list build_arguments; /* KEY=VALUE */
	struct string_list consumed;	    /* keys that an ARG took */
	int64_t epoch;			    /* SOURCE_DATE_EPOCH in seconds, or 0 */
	struct context_folder context;
	struct context_folder *named; /* one for each of options->contexts, unused where that is no folder */
	struct string_list hits;      /* keys of the build cache that were found */
	struct workers *workers;      /* worker.h */
	bool is_nested;		      /* a stage is built in the midst of another one */
	/* For the failure's display: */
	const struct instruction *culprit;
	size_t failed_step; /* of the report; 0: none */
	bool has_log;	    /* the failed step is a RUN */
};

/* ERROR_DENIED where a RUN of a stage that is needed wants more than --allow gives: before anything is done. */
int executor_check_rights(struct executor *executor, struct error *err);
/* The target and all that it needs, stages side by side where they can be. */
int executor_build(struct executor *executor, size_t target, struct error *err);
/*
 * A stage that another one takes from is built after this, unless that other one (`for_stage`) went to a worker, which
 * waits for it.
 */
int executor_need_stage(struct executor *executor, size_t index, size_t for_stage, struct error *err);
/* It is to be built, with all that it takes from. */
void executor_want(struct executor *executor, size_t index);
/* The first stage but `except` that could be begun, with something to do before it has to wait; or -1. */
ptrdiff_t executor_next_stage(const struct executor *executor, size_t except);
/* "[build  2/12]", owned by the caller. */
char *stage_place(const struct stage_state *state);
void stage_state_release(struct stage_state *state);
/* For a worker, which ends without a release. */
void executor_keep_memos(struct executor *executor);
void executor_release(struct executor *executor);

/* One instruction on its way. */
struct step {
	struct executor *executor;
	struct stage_state *stage;
	size_t stage_index;
	const struct instruction *instruction;
	struct expansion expansion;
	size_t number; /* of the report; 0 until step_begin() */
};

int executor_run(struct step *step, struct error *err);
int executor_copy(struct step *step, struct error *err);
int executor_workdir(struct step *step, struct error *err);

/* The layers of a stage, built now if nobody asked before, or of an image; ret_diff_ids is owned by the caller. */
int step_find_layers(struct step *step, const char *from, struct digest **ret_diff_ids, size_t *ret_count,
		     struct error *err);

/*
 * Opens the folder that `from` names, NULL and "": the build's context. 1: ret_root is it; 0: the name means something
 * else; -1.
 */
int executor_open_folder(struct executor *executor, const char *from, struct content_root *ret_root, struct error *err);

/* "[build 2/3] RUN make", and the next step of the stage begins. */
void step_begin(struct step *step);
int step_fail(struct step *step, struct error *err);
/*
 * 1: the cache has it and the stage has taken it over. 2: a worker goes on with the step, and this process unwinds. 0:
 * it is to be done. `created_by` is of the history, without "# buildkit".
 */
int step_find_cached(struct step *step, const struct digest *key, const char *created_by, struct error *err);

/* The folders of a step that writes: overlay's upper and work. While there are any, signals wait (base/interrupt.h). */
struct step_folders {
	struct layer_staging upper, work;
	bool is_deferred;
};
#define STEP_FOLDERS_INIT ((struct step_folders){LAYER_STAGING_INIT, LAYER_STAGING_INIT, false})
int step_folders_begin(struct step *step, struct step_folders *ret_folders, struct error *err);
void step_folders_release(struct step_folders *folders);
#define cleanup_step_folders CLEANUP(step_folders_release)

/* The upper folder becomes the stage's next layer, known to the cache under the keys (unset ones are left out). */
int step_commit(struct step *step, struct step_folders *folders, const struct digest *keys, size_t key_count,
		const char *created_by, struct error *err);
/* The step made no layer: the cache and the history say so. */
int step_commit_nothing(struct step *step, const struct digest *key, const char *created_by, struct error *err);
/* A setting goes into the stage's key and, where created_by is not NULL, into its history. */
void step_note(struct step *step, const char *what, const char *created_by);
