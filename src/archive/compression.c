/*
 * Compression by push, in chunks.
 *
 * The caller fills a chunk; a full one is handed to a thread, or, before there is a second chunk, compressed by the
 * caller itself: a small layer costs no thread. Chunks are in a ring and leave it in the order in which they came. A
 * chunk's compressed form depends on its bytes alone, so neither the number of threads nor their luck changes a byte.
 *
 * The threads live from the second chunk to compressor_finish() or compressor_free(), and take no signals: when the
 * engine clones a container there is none of them.
 */
#include "archive/compression.h"

#include <libdeflate.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <zstd.h>

#include "base/memory.h"

/* Half of what zlib's 6 costs in time, for 2 % more bytes; zstd's own default. */
#define GZIP_LEVEL  4
#define ZSTD_LEVEL  3
#define THREADS_MAX 8
#define SLOTS_MAX   (2 * THREADS_MAX)

enum slot_state { SLOT_FREE, SLOT_FULL, SLOT_BUSY, SLOT_DONE };

struct slot {
	enum slot_state state;
	unsigned char *input; /* COMPRESSION_CHUNK bytes */
	size_t input_size;
	unsigned char *output; /* output_limit bytes */
	size_t output_size;
	bool failed;
};

struct codec {
	enum compression kind;
	struct libdeflate_compressor *gzip;
	ZSTD_CCtx *zstd;
};

struct compressor {
	struct sink to;
	enum compression kind;
	int level;
	size_t output_limit; /* of a chunk in its worst case */
	struct codec codec;  /* the caller's own */
	struct slot slots[SLOTS_MAX];
	size_t slot_count;
	size_t head; /* the slot that is filled */
	size_t tail; /* the oldest that has not been written */
	bool has_output;
	bool is_finished;
	bool threads_are_decided;
	/* Under the lock: states of slots, is_ending. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_ending;
	pthread_t threads[THREADS_MAX];
	size_t thread_count;
};

static void codec_init(struct codec *codec, enum compression kind, int level)
{
	*codec = (struct codec){.kind = kind};
	if (kind == COMPRESSION_GZIP) {
		codec->gzip = libdeflate_alloc_compressor(level ? level : GZIP_LEVEL);
		if (!codec->gzip)
			abort();
	}
	if (kind == COMPRESSION_ZSTD) {
		codec->zstd = ZSTD_createCCtx();
		if (!codec->zstd)
			abort();
		ZSTD_CCtx_setParameter(codec->zstd, ZSTD_c_compressionLevel, level ? level : ZSTD_LEVEL);
		ZSTD_CCtx_setParameter(codec->zstd, ZSTD_c_checksumFlag, 1);
	}
}

static void codec_release(struct codec *codec)
{
	libdeflate_free_compressor(codec->gzip);
	ZSTD_freeCCtx(codec->zstd);
}

static void codec_run(struct codec *codec, struct slot *slot, size_t limit)
{
	if (codec->kind == COMPRESSION_GZIP) {
		slot->output_size =
			libdeflate_gzip_compress(codec->gzip, slot->input, slot->input_size, slot->output, limit);
		slot->failed = slot->output_size == 0;
		return;
	}
	slot->output_size = ZSTD_compress2(codec->zstd, slot->output, limit, slot->input, slot->input_size);
	slot->failed = ZSTD_isError(slot->output_size);
}

/* The oldest full one, marked as busy; NULL where there will be none. */
static struct slot *take_slot(struct compressor *compressor)
{
	for (;;) {
		for (size_t i = 0; i < compressor->slot_count; i++) {
			struct slot *slot = &compressor->slots[(compressor->tail + i) % compressor->slot_count];
			if (slot->state == SLOT_FULL) {
				slot->state = SLOT_BUSY;
				return slot;
			}
		}
		if (compressor->is_ending)
			return NULL;
		pthread_cond_wait(&compressor->changed, &compressor->lock);
	}
}

static void *thread_main(void *context)
{
	struct compressor *compressor = context;
	struct codec codec;
	codec_init(&codec, compressor->kind, compressor->level);
	pthread_mutex_lock(&compressor->lock);
	for (struct slot *slot; (slot = take_slot(compressor));) {
		pthread_mutex_unlock(&compressor->lock);
		codec_run(&codec, slot, compressor->output_limit);
		pthread_mutex_lock(&compressor->lock);
		slot->state = SLOT_DONE;
		pthread_cond_broadcast(&compressor->changed);
	}
	pthread_mutex_unlock(&compressor->lock);
	codec_release(&codec);
	return NULL;
}

static size_t processor_count(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof set, &set) < 0)
		return 1;
	size_t count = (size_t)CPU_COUNT(&set);
	return count > THREADS_MAX ? THREADS_MAX : count;
}

/* A thread that cannot be started is done without. */
static void start_threads(struct compressor *compressor)
{
	size_t wanted = processor_count();
	sigset_t all, before;
	compressor->threads_are_decided = true;
	if (wanted < 2)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (compressor->thread_count < wanted &&
	       pthread_create(&compressor->threads[compressor->thread_count], NULL, thread_main, compressor) == 0)
		compressor->thread_count++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	/* No thread sees the ring's size change: none has been given a slot yet, and the lock orders the rest. */
	pthread_mutex_lock(&compressor->lock);
	if (compressor->thread_count > 0)
		compressor->slot_count = 2 * compressor->thread_count;
	pthread_mutex_unlock(&compressor->lock);
}

static void end_threads(struct compressor *compressor)
{
	pthread_mutex_lock(&compressor->lock);
	compressor->is_ending = true;
	pthread_cond_broadcast(&compressor->changed);
	pthread_mutex_unlock(&compressor->lock);
	for (size_t i = 0; i < compressor->thread_count; i++)
		pthread_join(compressor->threads[i], NULL);
	compressor->thread_count = 0;
}

static int write_slot(struct compressor *compressor, struct slot *slot, struct error *err)
{
	slot->input_size = 0;
	compressor->has_output = true;
	if (slot->failed)
		return error_set(err, ERROR_SYSTEM, "compress: a chunk does not fit into its worst case");
	return sink_write(&compressor->to, slot->output, slot->output_size, err);
}

/* Writes the oldest, waiting for it. */
static int write_oldest(struct compressor *compressor, struct error *err)
{
	struct slot *slot = &compressor->slots[compressor->tail];
	pthread_mutex_lock(&compressor->lock);
	while (slot->state != SLOT_DONE)
		pthread_cond_wait(&compressor->changed, &compressor->lock);
	pthread_mutex_unlock(&compressor->lock);
	int result = write_slot(compressor, slot, err);
	/* take_slot() reads both. */
	pthread_mutex_lock(&compressor->lock);
	slot->state = SLOT_FREE;
	compressor->tail = (compressor->tail + 1) % compressor->slot_count;
	pthread_mutex_unlock(&compressor->lock);
	return result;
}

static void prepare_slot(struct compressor *compressor, struct slot *slot)
{
	if (slot->input)
		return;
	slot->input = allocate_unset(COMPRESSION_CHUNK);
	slot->output = allocate_unset(compressor->output_limit);
}

/* The chunk that was filled is compressed here, or given to a thread. */
static int submit(struct compressor *compressor, struct error *err)
{
	struct slot *slot = &compressor->slots[compressor->head];
	prepare_slot(compressor, slot);
	if (compressor->thread_count == 0) {
		codec_run(&compressor->codec, slot, compressor->output_limit);
		return write_slot(compressor, slot, err);
	}
	pthread_mutex_lock(&compressor->lock);
	slot->state = SLOT_FULL;
	pthread_cond_signal(&compressor->changed);
	compressor->head = (compressor->head + 1) % compressor->slot_count;
	bool must_wait = compressor->slots[compressor->head].state != SLOT_FREE;
	pthread_mutex_unlock(&compressor->lock);
	return must_wait ? write_oldest(compressor, err) : 0;
}

int compressor_new(enum compression kind, const struct sink *to, struct compressor **ret_compressor, struct error *err)
{
	const struct compressor_options options = {.kind = kind};
	return compressor_new_with(&options, to, ret_compressor, err);
}

int compressor_new_with(const struct compressor_options *options, const struct sink *to,
			struct compressor **ret_compressor, struct error *err)
{
	enum compression kind = options->kind;
	struct compressor *compressor = allocate(sizeof *compressor);
	(void)err;
	compressor->to = *to;
	compressor->kind = kind;
	compressor->level = options->level;
	compressor->threads_are_decided = options->has_no_threads;
	compressor->slot_count = 1;
	pthread_mutex_init(&compressor->lock, NULL);
	pthread_cond_init(&compressor->changed, NULL);
	codec_init(&compressor->codec, kind, options->level);
	if (kind == COMPRESSION_GZIP)
		compressor->output_limit = libdeflate_gzip_compress_bound(compressor->codec.gzip, COMPRESSION_CHUNK);
	else if (kind == COMPRESSION_ZSTD)
		compressor->output_limit = ZSTD_compressBound(COMPRESSION_CHUNK);
	*ret_compressor = compressor;
	return 0;
}

void compressor_free(struct compressor *compressor)
{
	if (!compressor)
		return;
	end_threads(compressor);
	codec_release(&compressor->codec);
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		free(compressor->slots[i].input);
		free(compressor->slots[i].output);
	}
	pthread_cond_destroy(&compressor->changed);
	pthread_mutex_destroy(&compressor->lock);
	free(compressor);
}

static int compressor_write(void *context, const void *bytes, size_t size, struct error *err)
{
	struct compressor *compressor = context;
	if (compressor->kind == COMPRESSION_NONE)
		return sink_write(&compressor->to, bytes, size, err);
	for (const char *from = bytes; size > 0;) {
		struct slot *slot = &compressor->slots[compressor->head];
		if (slot->input_size == COMPRESSION_CHUNK) {
			/* There is more than one chunk: worth threads. */
			if (!compressor->threads_are_decided)
				start_threads(compressor);
			if (submit(compressor, err) < 0)
				return -1;
			continue;
		}
		prepare_slot(compressor, slot);
		size_t room = COMPRESSION_CHUNK - slot->input_size;
		size_t part = size < room ? size : room;
		memcpy(slot->input + slot->input_size, from, part);
		slot->input_size += part;
		from += part;
		size -= part;
	}
	return 0;
}

struct sink compressor_sink(struct compressor *compressor)
{
	return (struct sink){compressor_write, compressor};
}

static int write_rest(struct compressor *compressor, struct error *err)
{
	while (compressor->thread_count > 0 && compressor->tail != compressor->head)
		if (write_oldest(compressor, err) < 0)
			return -1;
	struct slot *last = &compressor->slots[compressor->head];
	/* Nothing at all is a stream too. */
	if (last->input_size == 0 && compressor->has_output)
		return 0;
	prepare_slot(compressor, last);
	codec_run(&compressor->codec, last, compressor->output_limit);
	return write_slot(compressor, last, err);
}

int compressor_finish(struct compressor *compressor, struct error *err)
{
	if (compressor->is_finished)
		return 0;
	if (compressor->kind != COMPRESSION_NONE && write_rest(compressor, err) < 0)
		return -1;
	end_threads(compressor);
	compressor->is_finished = true;
	return 0;
}
