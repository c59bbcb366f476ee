/* What /metrics tells, in Prometheus' text format. Counting takes no lock: each thread has its own counters. */
#pragma once

#include <stdint.h>

#include "songs.h"

void metrics_count(const char *method, unsigned status, int64_t nanoseconds);
/* Owned by the caller. */
struct text *metrics_text(struct songs *songs);
