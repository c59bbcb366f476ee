/* Counters, and their text for Prometheus. No names of users or repositories are among them. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

struct metrics {
	atomic_uint_fast64_t requests[6]; /* by the first digit of the status; 0: broken off */
	atomic_uint_fast64_t bytes_received;
	atomic_uint_fast64_t bytes_sent;
	atomic_uint_fast64_t authentication_failures;
	atomic_uint_fast64_t blobs_committed;
	atomic_uint_fast64_t manifests_put;
	atomic_uint_fast64_t manifest_cache_hits;
	atomic_uint_fast64_t manifest_cache_misses;
	atomic_int in_flight;
};

/* Owned by the caller. */
char *metrics_text(const struct metrics *metrics);
