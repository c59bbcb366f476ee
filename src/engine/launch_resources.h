/* From a config's texts to the numbers that a start needs: limits, devices as they are on this host, sysctls. */
#pragma once

#include "engine/container_config.h"
#include "runtime/spec.h"

struct launch_resources {
	struct spec_limit *limits;
	struct spec_block_limit *block_limits;
	struct spec_device *devices; /* their paths are in `texts` */
	struct device_rule *rules;
	struct spec_sysctl *sysctls;
	struct string_list texts;
};

/* Fills the spec with what it owns and what it borrows from the config. ERROR_INVALID with Docker's words for a device
 * that is not there. */
int launch_resources_make(const struct container_config *config, struct runtime_spec *spec,
			  struct launch_resources *resources, struct error *err);
/* For `exec`: the limits of processes alone, which are not inherited from the container's first one. */
int launch_limits_make(const struct container_config *config, struct runtime_spec *spec,
		       struct launch_resources *resources, struct error *err);
void launch_resources_release(struct launch_resources *resources);
#define cleanup_launch_resources CLEANUP(launch_resources_release)

/* What the config says in numbers and names, --cpus as a quota of the usual period; texts are borrowed from it. */
void launch_resources_numbers(const struct container_config *config, struct spec_resources *ret_resources);
