/* Capability names as Docker takes them ("NET_ADMIN", "CAP_NET_ADMIN", any case) and Docker's default set. */
#pragma once

#include <stdint.h>

#include "base/error.h"

#define CAPABILITY_DEFAULT_SET 0x00000000a80425fbULL /* what `docker run` gives */

/* "ALL" gives every bit that this kernel knows. ERROR_INVALID: `invalid capability: "X"`. */
int capability_parse(const char *name, uint64_t *ret_bits, struct error *err);
uint64_t capability_all(void);

/*
 * For the calling process, in this order: drops what is not in `bits` from the bounding set; sets permitted and
 * effective to `bits`, inheritable and ambient to nothing. Between the two it becomes its user, with PR_SET_KEEPCAPS.
 */
int capability_limit_bounding(uint64_t bits, struct error *err);
int capability_set(uint64_t bits, struct error *err);
