/* Docker's default devices, as rules and as a BPF program for version 2 of control groups. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "runtime/spec.h"
extern const struct device_rule device_default_rules[];
extern const size_t device_default_rule_count;

#define DEVICE_RULE_LIMIT 256 /* of a container's own */
/* Loads the program (bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE) for the default rules and `more`, attaches it to the group.
 */
int device_filter_attach(int group_fd, const struct device_rule *more, size_t count, struct error *err);
