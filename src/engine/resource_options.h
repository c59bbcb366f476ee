/*
 * What users write of a container's resources and devices. The words of errors are Docker's; what the value has to do
 * with this host (a device that must be there) is found out at each start (launch_resources.h).
 */
#pragma once

#include "engine/container_config.h"

int container_config_add_ulimit(struct container_config *config, const char *text, struct error *err);
/* --device HOST[:CONTAINER][:rwm], kept whole. */
int container_config_add_device(struct container_config *config, const char *text, struct error *err);
/* --device-cgroup-rule "c 10:229 rwm" */
int container_config_add_device_rule(struct container_config *config, const char *text, struct error *err);
/* PATH:NUMBER, bytes with a unit: "/dev/sda:1mb". */
int container_config_add_block_weight(struct container_config *config, const char *text, struct error *err);
int container_config_add_block_read_bytes(struct container_config *config, const char *text, struct error *err);
int container_config_add_block_write_bytes(struct container_config *config, const char *text, struct error *err);
int container_config_add_block_read_operations(struct container_config *config, const char *text, struct error *err);
int container_config_add_block_write_operations(struct container_config *config, const char *text, struct error *err);
/* --cpus: a decimal, in billionths of a processor. */
int cpus_parse(const char *text, int64_t *ret_nano_cpus, struct error *err);

/* cpuset(7)'s list, "0-3,5"; false for others. */
bool cpuset_is_valid(const char *text);
/* A group below each hierarchy: each part a name. */
int cgroup_parent_check(const char *parent, struct error *err);

/* Whether the numbers go together, as Docker has it; without a limit of swap it becomes twice that of memory. */
int container_config_check_resources(struct container_config *config, struct error *err);
/* The part of it that is about processors. */
int container_config_check_processors(const struct container_config *config, struct error *err);
