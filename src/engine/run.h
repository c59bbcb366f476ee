/* Our terminal and a container: the foreground of `run`, `start -a` and `attach`. */
#pragma once

#include "engine/container_config.h"
#include "engine/engine.h"
#include "monitor/client.h"

struct foreground_options {
	bool input;			   /* -i */
	bool hides_output, hides_problems; /* --attach without them */
	bool pass_signals;		   /* --sig-proxy */
	const char *detach_keys;
};

/* Copies until the container ends or the user detaches. Closes client_fd. */
int container_foreground(int client_fd, const struct container_config *config, const struct foreground_options *options,
			 enum attach_end *ret_end, int *ret_exit_code, struct error *err);

/* A connection to a container that runs; its output is seen from now on. */
int container_attach(struct engine *engine, const char *name, const struct foreground_options *options,
		     enum attach_end *ret_end, int *ret_exit_code, struct error *err);
