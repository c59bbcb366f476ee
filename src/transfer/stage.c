/*
 * Chunks are numbered from the beginning. Chunk n lies at n % STAGE_CHUNKS; it may be filled anew once it was taken and
 * hashed, that is while made < taken + STAGE_CHUNKS and made < hashed + STAGE_CHUNKS.
 */
#include "transfer/stage.h"

#include <string.h>

#include "transfer/thread.h"

struct stage {
	struct source from;
	struct hasher *hasher; /* borrowed, or NULL */
	bool has_producer;
	bool has_hasher_thread;
	pthread_t producer;
	pthread_t hasher_thread;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint64_t made;
	uint64_t hashed;
	uint64_t taken;
	bool has_ended; /* after chunk `made` - 1 there is nothing but `failure`, if any */
	bool is_interrupted;
	struct error failure;
	size_t position; /* in the chunk that is being taken; the reader's own */
	bool is_lent;	 /* the rest of that chunk */
	size_t sizes[STAGE_CHUNKS];
	unsigned char *chunks[STAGE_CHUNKS];
};

/* Reads until the chunk is full; 0 at the end or at a failure, which is told after the bytes before it. */
static size_t fill(struct stage *stage, unsigned char *chunk, bool *ret_has_ended)
{
	size_t size = 0;
	while (size < STAGE_CHUNK_SIZE) {
		ssize_t got = source_read(&stage->from, chunk + size, STAGE_CHUNK_SIZE - size, &stage->failure);
		if (got <= 0) {
			*ret_has_ended = true;
			break;
		}
		size += (size_t)got;
	}
	return size;
}

static bool is_full(const struct stage *stage)
{
	return stage->made == stage->taken + STAGE_CHUNKS ||
	       (stage->has_hasher_thread && stage->made == stage->hashed + STAGE_CHUNKS);
}

static void *produce(void *context)
{
	struct stage *stage = context;
	for (bool has_ended = false; !has_ended;) {
		pthread_mutex_lock(&stage->lock);
		while (is_full(stage) && !stage->is_interrupted)
			pthread_cond_wait(&stage->moved, &stage->lock);
		bool stop = stage->is_interrupted;
		uint64_t number = stage->made;
		pthread_mutex_unlock(&stage->lock);
		size_t index = number % STAGE_CHUNKS;
		size_t size = 0;
		if (stop)
			has_ended = true;
		else
			size = fill(stage, stage->chunks[index], &has_ended);
		pthread_mutex_lock(&stage->lock);
		stage->sizes[index] = size;
		stage->made += size > 0;
		stage->has_ended = has_ended;
		pthread_cond_broadcast(&stage->moved);
		pthread_mutex_unlock(&stage->lock);
	}
	return NULL;
}

static void *hash(void *context)
{
	struct stage *stage = context;
	pthread_mutex_lock(&stage->lock);
	for (;;) {
		while (stage->hashed == stage->made && !stage->has_ended)
			pthread_cond_wait(&stage->moved, &stage->lock);
		if (stage->hashed == stage->made)
			break;
		size_t index = stage->hashed % STAGE_CHUNKS;
		pthread_mutex_unlock(&stage->lock);
		hasher_update(stage->hasher, stage->chunks[index], stage->sizes[index]);
		pthread_mutex_lock(&stage->lock);
		stage->hashed++;
		pthread_cond_broadcast(&stage->moved);
	}
	pthread_mutex_unlock(&stage->lock);
	return NULL;
}

struct stage *stage_new(const struct source *from, struct hasher *hasher, bool threaded)
{
	struct stage *stage = allocate(sizeof *stage);
	stage->from = *from;
	stage->hasher = hasher;
	pthread_mutex_init(&stage->lock, NULL);
	pthread_cond_init(&stage->moved, NULL);
	if (!threaded)
		return stage;
	for (size_t i = 0; i < STAGE_CHUNKS; i++)
		stage->chunks[i] = reallocate_array(NULL, STAGE_CHUNK_SIZE, 1);
	/* The hasher waits for chunks: it can be there before anybody makes them. */
	stage->has_hasher_thread = hasher && thread_start(&stage->hasher_thread, hash, stage);
	stage->has_producer = (!hasher || stage->has_hasher_thread) && thread_start(&stage->producer, produce, stage);
	if (!stage->has_producer && stage->has_hasher_thread) {
		pthread_mutex_lock(&stage->lock);
		stage->has_ended = true;
		pthread_cond_broadcast(&stage->moved);
		pthread_mutex_unlock(&stage->lock);
		pthread_join(stage->hasher_thread, NULL);
		stage->has_hasher_thread = false;
	}
	return stage;
}

/* The chunk to take from; false at the end. */
static bool wait_for_chunk(struct stage *stage)
{
	pthread_mutex_lock(&stage->lock);
	while (stage->taken == stage->made && !stage->has_ended && !stage->is_interrupted)
		pthread_cond_wait(&stage->moved, &stage->lock);
	bool is_there = stage->taken < stage->made && !stage->is_interrupted;
	pthread_mutex_unlock(&stage->lock);
	return is_there;
}

static void put_back(struct stage *stage)
{
	stage->position = 0;
	stage->is_lent = false;
	pthread_mutex_lock(&stage->lock);
	stage->taken++;
	pthread_cond_broadcast(&stage->moved);
	pthread_mutex_unlock(&stage->lock);
}

static ssize_t report_end(const struct stage *stage, struct error *err)
{
	if (stage->is_interrupted)
		return error_set(err, ERROR_CANCELLED, "interrupted");
	if (stage->failure.kind == ERROR_NONE)
		return 0;
	if (err)
		*err = stage->failure;
	return -1;
}

static ssize_t stage_read(void *context, void *bytes, size_t size, struct error *err)
{
	struct stage *stage = context;
	if (!stage->has_producer) {
		ssize_t got = source_read(&stage->from, bytes, size, err);
		if (got > 0 && stage->hasher)
			hasher_update(stage->hasher, bytes, (size_t)got);
		return got;
	}
	if (stage->is_lent)
		put_back(stage);
	if (!wait_for_chunk(stage))
		return report_end(stage, err);
	size_t index = stage->taken % STAGE_CHUNKS;
	size_t left = stage->sizes[index] - stage->position;
	if (size > left)
		size = left;
	memcpy(bytes, stage->chunks[index] + stage->position, size);
	stage->position += size;
	if (size == left)
		put_back(stage);
	return (ssize_t)size;
}

static ssize_t stage_lend(void *context, const void **ret_bytes, struct error *err)
{
	struct stage *stage = context;
	if (stage->is_lent)
		put_back(stage);
	if (!wait_for_chunk(stage))
		return report_end(stage, err);
	size_t index = stage->taken % STAGE_CHUNKS;
	*ret_bytes = stage->chunks[index] + stage->position;
	stage->is_lent = true;
	return (ssize_t)(stage->sizes[index] - stage->position);
}

struct source stage_source(struct stage *stage)
{
	return (struct source){stage_read, stage, stage->has_producer ? stage_lend : NULL};
}

void stage_interrupt(struct stage *stage)
{
	pthread_mutex_lock(&stage->lock);
	stage->is_interrupted = true;
	pthread_cond_broadcast(&stage->moved);
	pthread_mutex_unlock(&stage->lock);
}

void stage_free(struct stage *stage)
{
	if (!stage)
		return;
	if (stage->has_producer)
		pthread_join(stage->producer, NULL);
	if (stage->has_hasher_thread)
		pthread_join(stage->hasher_thread, NULL);
	pthread_mutex_destroy(&stage->lock);
	pthread_cond_destroy(&stage->moved);
	for (size_t i = 0; i < STAGE_CHUNKS; i++)
		free(stage->chunks[i]);
	free(stage);
}
