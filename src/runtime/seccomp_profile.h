/* --security-opt seccomp=FILE: a profile in Docker's form (the containers' seccomp.json), made into a program. */
#pragma once

#include "runtime/seccomp.h"

#define SECCOMP_PROFILE_LIMIT ((size_t)4 * 1024 * 1024)

/*
 * Rules that are for other capabilities, architectures or kernels are left out, as are calls that this host's
 * libseccomp does not know. ERROR_INVALID says what of it is wrong. Not kept in a file: it takes some milliseconds at
 * each start.
 */
int seccomp_profile_filter(const char *text, uint64_t capabilities, struct seccomp_filter *ret_filter,
			   struct error *err);
