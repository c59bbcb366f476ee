/* The default list of system calls as data; seccomp.c makes a program of it. */
#pragma once

#include <linux/capability.h>
#include <stddef.h>
#include <stdint.h>

#define SECCOMP_LIST_VERSION "2" /* counts the changes of the list and of the way a program is made of it */

/* Names of calls, several in a string with spaces between them. */
struct seccomp_call_group {
	uint64_t capabilities; /* allowed with any of these bits; 0: always */
	const char *calls;
};
extern const struct seccomp_call_group seccomp_call_groups[];
extern const size_t seccomp_call_group_count;

/* Calls that are younger than libseccomp's tables. From 424 on a call has one number on all architectures. */
struct seccomp_new_call {
	uint16_t number;
	uint64_t capabilities;
};
extern const struct seccomp_new_call seccomp_new_calls[];
extern const size_t seccomp_new_call_count;
#define SECCOMP_NEWEST_CALL                                                                                            \
	469 /* what is above is unknown to this list: ENOSYS, so that a libc takes its older way                       \
	     */

/* personality(2): only these. */
extern const uint32_t seccomp_personalities[];
extern const size_t seccomp_personality_count;

#define SECCOMP_BIT(capability) (1ULL << (capability))
