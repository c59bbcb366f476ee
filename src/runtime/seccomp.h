/*
 * The default system call filter: Docker's list as of moby 28 (socket(AF_ALG) and AF_VSOCK refused), made with
 * libseccomp once and kept in ROOT/cache/seccomp-<key>.bpf, where the key covers the list's version, the capabilities
 * that loosen it, the architecture and the kernel release. Later starts only read the file.
 */
#pragma once

#include <linux/filter.h>
#include <stdint.h>

#include "base/error.h"

struct seccomp_filter {
	struct sock_fprog program; /* program.filter is owned */
};

/* `cache_fd` is the folder ROOT/cache. */
int seccomp_default_filter(int cache_fd, uint64_t capabilities, struct seccomp_filter *ret_filter, struct error *err);
void seccomp_filter_release(struct seccomp_filter *filter);
#define cleanup_seccomp_filter CLEANUP(seccomp_filter_release)
