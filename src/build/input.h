/*
 * What a build takes from standard input, an archive file or a URL instead of a folder. An archive is unpacked into a
 * staging folder of the store, a git repository checked out into one (git.h); it goes with the input, or, after a kill,
 * with the next build. What is no archive is a Dockerfile, and its context is empty.
 *
 *     build_input_open(store, &host, &options, &input, err)    options: as the user gave them
 *     input.options                                            what build_image() takes
 */
#pragma once

#include "build/build.h"
#include "build/git.h"
#include "store/layer_folder.h"

struct build_input {
	struct build_options options; /* lists stay those of the caller */
	struct layer_staging staging;
	struct git_checkout checkout;
	struct buffer dockerfile;
	struct named_contexts contexts; /* options.contexts, those of URLs brought here */
	struct build_input *named;	/* what they need */
	size_t named_count;
	char *context_path;
	int lock_fd; /* the store's content lock: recovery leaves the staging folder alone */
};

/* A plain folder and its Dockerfile go through as they are. The input is released by the caller, also on failure. */
int build_input_open(struct store *store, const struct build_host *host, const struct build_options *options,
		     struct build_input *ret_input, struct error *err);
void build_input_release(struct build_input *input);
#define cleanup_build_input CLEANUP(build_input_release)
