/* Docker's default devices, as rules and as a BPF program for version 2 of control groups. */
#pragma once

#include <stddef.h>

#include "base/error.h"

struct device_rule {
	char type;	    /* 'c', 'b' */
	int major, minor;   /* -1: any */
	const char *access; /* of "rwm": read, write, mknod */
};
extern const struct device_rule device_default_rules[];
extern const size_t device_default_rule_count;

/* Loads the program (bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE) and attaches it to the group. */
int device_filter_attach(int group_fd, struct error *err);
