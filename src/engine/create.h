/* A container is made: its image found or pulled, the image's defaults applied, its record written. */
#pragma once

#include "engine/container_config.h"
#include "engine/engine.h"
#include "engine/pull.h"
#include "engine/state.h"
#include "store/container.h"

struct create_options {
	const char *image; /* as the user typed it */
	const char *name;  /* NULL: one is generated */
	bool remove_on_exit;
	bool publish_all; /* -P: each exposed port gets a free one */
	struct platform platform;
	bool has_platform; /* else this machine's */
	enum pull_policy pull;
	const struct transfer_progress *progress; /* what a pull reports to; may be NULL */
};

/*
 * `config` holds what the user asked for, and is completed. ret_hold (may be NULL) holds the container since before
 * anybody could see it: nobody prunes what is about to be started.
 */
int container_create(struct engine *engine, const struct create_options *options, struct container_config *config,
		     struct container_record *ret_record, struct container_hold *ret_hold, struct error *err);
