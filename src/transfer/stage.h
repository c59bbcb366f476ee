/*
 * A step of a pipeline: a source that a thread of its own reads ahead of whoever wants the bytes, into a ring of
 * STAGE_CHUNKS chunks, so that receiving, inflating and writing go on side by side. A second thread may hash the chunks
 * where they lie.
 *
 *     stage_new(&from, hasher, true) → stage_source() is read to its end, or not → stage_interrupt() → stage_free()
 *
 * Where a stage reads from another one, all are interrupted before the first is freed, the reader before what it reads.
 * `from` and the hasher are the caller's again after stage_free(); the hasher has then seen all that was read, if all
 * was read.
 */
#pragma once

#include <stdbool.h>

#include "base/stream.h"
#include "oci/digest.h"

#define STAGE_CHUNKS	 6
#define STAGE_CHUNK_SIZE ((size_t)256 * 1024)

struct stage;

/* `threaded` false (a small thing is not worth threads), or no thread to be had: all is done while it is read. */
struct stage *stage_new(const struct source *from, struct hasher *hasher, bool threaded);
/* For one thread. */
struct source stage_source(struct stage *stage);
/* No more is read ahead; who waits for bytes gets ERROR_CANCELLED. */
void stage_interrupt(struct stage *stage);
void stage_free(struct stage *stage);
static inline void stage_free_pointer(struct stage **stage)
{
	stage_free(*stage);
}
#define cleanup_stage CLEANUP(stage_free_pointer)
