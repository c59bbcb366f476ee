/* What the options of `build` mean for the containers of its RUN steps. */
#pragma once

#include "build/build.h"
#include "engine/container_config.h"
#include "engine/network.h"
#include "runtime/spec.h"

/* Whether all of them can be taken, before anything is built; extra_hosts become NAME:ADDRESS whatever their form,
 * and `network` is read. */
int build_step_check(struct build_step_options *options, const char *network, struct error *err);

/* Network and rights of one step; "host-gateway" once the network is known. */
void build_step_configure(const struct build_run *run, struct container_config *config);
void build_step_add_hosts(const struct build_run *run, const struct network_plan *network,
			  struct container_config *config);
/* Limits; ret_limits is owned by the caller, and what spec borrows. */
int build_step_limit(const struct build_run *run, struct runtime_spec *spec, struct spec_limit **ret_limits,
		     struct error *err);

/*
 * The control group of the step `name`. With --cgroup-parent it is noted in the step's folder, or the next build would
 * not find what a killed one has left.
 */
int build_step_cgroup(const struct build_run *run, const char *name, int folder_fd, char **ret_path, struct error *err);
/* That of a step of a dead build; owned by the caller. */
char *build_step_find_cgroup(int run_root_fd, const char *name);
