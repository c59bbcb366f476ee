/*
 * A Dockerfile and a context become an image.
 *
 * lexer → parser (instructions) → stage graph → executor with cache. What a step needs of the rest of the engine (a
 * container for RUN, an image for FROM, a place to print) comes in through `struct build_host`, so that this layer
 * includes neither engine/ nor runtime/.
 */
#pragma once

#include "base/error.h"
#include "base/string_list.h"
#include "build/named_context.h"
#include "oci/image_config.h"
#include "oci/platform.h"
#include "oci/reference.h"
#include "store/image.h"
#include "store/store.h"

enum build_network { BUILD_NETWORK_DEFAULT, BUILD_NETWORK_NONE, BUILD_NETWORK_HOST };

/* What the command line says of the containers of all RUN steps. 0, NULL, empty: nothing. */
struct build_step_options {
	enum build_network network;	/* of steps that do not say it */
	struct string_list allow;	/* "network.host", "security.insecure" */
	struct string_list extra_hosts; /* NAME:ADDRESS; the address may be "host-gateway" */
	struct string_list ulimits;	/* "nofile=1024:2048" */
	int64_t memory, memory_swap, cpu_shares, cpu_period, cpu_quota, shm_bytes;
	const char *cpuset_cpus, *cpuset_mems, *cgroup_parent;
};

struct build_mount {
	int source_fd; /* -1: a tmpfs */
	const char *target;
	const char *options; /* of the tmpfs */
	bool read_only;
};

struct build_run {
	const struct digest *diff_ids; /* layers of the root so far, base first, each once */
	size_t diff_id_count;
	int upper_fd, work_fd;		   /* the step's changes land in upper */
	const struct image_config *config; /* environment, user, working directory, shell */
	struct string_list arguments;
	struct string_list build_arguments; /* KEY=VALUE, in the step's environment and in no image */
	const struct build_mount *mounts;
	size_t mount_count;
	enum build_network network;
	bool is_insecure;
	const struct build_step_options *options;
	/* Called when the step runs; returns when it has ended, having read what it said meanwhile. */
	void (*wait)(void *wait_context, int pidfd);
	void *wait_context;
};

struct build_file {
	struct digest digest; /* its blob's */
	int64_t modified;     /* seconds since 1970; 0: the server did not say */
};

struct build_host {
	void *context;
	/* The image of FROM: found here, or pulled. platform NULL: this machine's, or, where that cannot be had,
	 * whichever is here. */
	int (*resolve_image)(void *context, const char *name, const struct platform *platform, bool always_pull,
			     struct image *ret_image, struct error *err);
	/* The image of "FOLDER[:TAG][@DIGEST]", an OCI image layout. */
	int (*load_layout)(void *context, const char *text, const struct platform *platform, struct image *ret_image,
			   struct error *err);
	/* The file behind an http or https URL into the store's blobs; expected unset: whatever it is. */
	int (*fetch)(void *context, const char *url, const struct digest *expected, struct build_file *ret_file,
		     struct error *err);
	/* Runs one step with the default confinement; output goes to `output_fd`. ret_exit_code as a shell has it. */
	int (*run)(void *context, const struct build_run *run, int output_fd, int *ret_exit_code, struct error *err);
	/* What the build cache lacks: 1, it was brought from elsewhere (--cache-from) and is there now; 0, nobody has
	 * it. NULL: nobody is asked. */
	int (*import)(void *caches, const struct digest *key, struct error *err);
	void *caches;
};

enum build_progress {
	BUILD_PROGRESS_AUTO,
	BUILD_PROGRESS_PLAIN,
	BUILD_PROGRESS_TTY,
	BUILD_PROGRESS_QUIET,
	BUILD_PROGRESS_JSON
};

struct build_options {
	const char *context_path;	      /* or an URL, before build/input.h has seen it */
	bool context_is_archive;	      /* it was unpacked for this build: no link in it leads out of it */
	const char *dockerfile;		      /* NULL: context_path/Dockerfile; of an archive: a path in it */
	const struct buffer *dockerfile_text; /* not NULL: this, whatever `dockerfile` says */
	struct string_list tags;
	struct string_list build_arguments; /* KEY=VALUE or KEY (from our environment) */
	struct string_list labels;
	struct string_list annotations;	       /* KEY=VALUE, of the manifest */
	struct string_list secrets;	       /* build/secret.h */
	struct string_list ssh;		       /* build/ssh_forward.h */
	const char *target;		       /* NULL: the last stage */
	const struct platform *platform;       /* NULL: this machine's, if it can be had */
	const struct named_contexts *contexts; /* NULL: none */
	struct build_step_options steps;
	bool no_cache;
	struct string_list no_cache_filter; /* names of stages */
	bool pull;
	struct string_list
		*found_keys; /* not NULL: nothing is done but found in the build cache, whose keys these are */
	bool no_image; /* only the documents are written, which nothing names: the caller holds the content lock */
	enum build_progress progress;
	int output_fd; /* where progress goes: standard error, as BuildKit's */
};

/*
 * The image of that name that is here. ERROR_NOT_FOUND; ERROR_UNSUPPORTED: it is for another platform (NULL: any), and
 * so is every one that was pulled by the index that the name meant last.
 */
int build_find_image(struct store *store, const char *name, const struct platform *platform, struct image *ret_image,
		     struct error *err);

/*
 * Where that one is for another platform: could the registry have it? Not if nobody has pulled the name, nor if the
 * index that it meant last has none for the platform.
 */
bool build_image_may_be_elsewhere(struct store *store, const char *name, const struct platform *platform);

/* SOURCE_DATE_EPOCH of the build arguments, else of our environment; 0: none. */
int build_epoch(const struct string_list *build_arguments, int64_t *ret_epoch, struct error *err);

/*
 * What `build --check` tells (build/lint.h): ret_text (owned; also on failure, then perhaps NULL) is for standard
 * output, ret_count the number of warnings. Builds nothing, pulls nothing. Fails where the build would, as far as that
 * can be said without it, and where warnings are errors.
 */
int build_check(struct store *store, const struct build_options *options, char **ret_text, size_t *ret_count,
		struct error *err);

/*
 * On failure everything that explains it is on output_fd already (the step's output, the lines of the Dockerfile), also
 * in quiet mode; err's message begins with "failed to solve: ", and main prints it behind "ERROR: ", as Docker does.
 * Holds the store's content lock, shared. A build that is killed leaves staging folders and uploads, which are garbage.
 */
int build_image(struct store *store, const struct build_host *host, const struct build_options *options,
		struct image *ret_image, struct error *err);
