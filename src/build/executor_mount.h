/*
 * The mounts of a RUN step, made ready as descriptors for the host. What a bind takes from the context, a stage or an
 * image is mounted as it is (bind_view.h), or, where that cannot be, copied into a staging folder first. Caches are
 * folders of the store, below cache/mounts; their names are digests, never text of a Dockerfile. A secret is a file
 * below the run folder for as long as the step runs: it is in no layer, key or history.
 *
 *     step_mounts_parse()    expands and checks; nothing is opened
 *     step_mounts_add_key()  what counts for the cache: a bind's files; of a cache, secret or agent only how it is
 * mounted step_mounts_open()     just before the step step_mounts_clean()    removes mount points that the step's layer
 * would keep
 */
#pragma once

#include "build/bind_view.h"
#include "build/executor.h"
#include "build/run_mount.h"
#include "build/ssh_forward.h"
#include "store/cache_mount.h"

struct step_mount {
	struct run_mount mount;
	char *target;		    /* absolute, clean */
	struct string_list sources; /* bind: the one path in `root` */
	struct rootfs_view view;    /* of a stage or image */
	struct content_root root;
	struct digest *diff_ids; /* of it; NULL: a folder of the host */
	size_t diff_id_count;
	struct bind_view bind;
	struct layer_staging staging; /* bind: the copy, where one was needed */
	int fd;			      /* what is mounted */
	struct ssh_forward ssh;
	struct digest cache_name;
	bool has_base;		  /* of a cache: from= was said */
	struct digest base;	  /* where it is a folder of the host: its content's */
	struct cache_mount cache; /* of several mounts of one cache in a step, the first has it */
	char *secret_name;	  /* below the run folder */
	char *options;		  /* tmpfs */
	char *first_missing;	  /* the upmost folder of the target that is made for the mount; NULL: none */
};

struct step_mounts {
	struct step_mount *items;
	size_t count;
	struct build_mount *ready;
	size_t ready_count;
};

int step_mounts_parse(struct step *step, struct step_mounts *mounts, struct error *err);
int step_mounts_add_key(struct step *step, struct step_mounts *mounts, struct cache_key *key, struct error *err);
/* Secrets that are to be in the environment are added to it. */
int step_caches_open(struct step *step, struct step_mounts *mounts, struct error *err); /* by step_mounts_open() */
int step_mounts_open(struct step *step, struct step_mounts *mounts, struct string_list *environment, struct error *err);
int step_mounts_clean(struct step_mounts *mounts, int upper_fd, struct error *err);
void step_mounts_release(struct step *step, struct step_mounts *mounts);
