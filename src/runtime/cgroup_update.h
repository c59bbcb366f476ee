/* Limits of a control group that is in use. */
#pragma once

#include "base/error.h"
#include "runtime/spec.h"

/*
 * From what holds to what is to hold; only what differs is written: memory and swap, processes, processor quota and
 * shares. All or nothing: where one cannot be set, those before it are as they were. The error names the option.
 */
int cgroup_update(const char *path, const struct spec_resources *from, const struct spec_resources *to,
		  struct error *err);
