/*
 * Bytes that flow: a source is read from, a sink is written to. Small vtables, so that a socket, a file, an inflater, a
 * hasher and a tar reader can be put behind one another. The context belongs to whoever made the stream.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct source {
	/* Up to `size` bytes; 0 at the end, -1 with *err filled. May return fewer than asked. */
	ssize_t (*read)(void *context, void *bytes, size_t size, struct error *err);
	void *context;
	/* The same without a copy, for a source that has the bytes already: they stay until it is asked again. Or NULL.
	 */
	ssize_t (*lend)(void *context, const void **ret_bytes, struct error *err);
};

struct sink {
	/* Takes all `size` bytes, or fails. */
	int (*write)(void *context, const void *bytes, size_t size, struct error *err);
	void *context;
};

static inline ssize_t source_read(const struct source *source, void *bytes, size_t size, struct error *err)
{
	return source->read(source->context, bytes, size, err);
}

/* What comes next, lent by the source, or read into `space`. */
static inline ssize_t source_borrow(const struct source *source, void *space, size_t size, const void **ret_bytes,
				    struct error *err)
{
	if (source->lend)
		return source->lend(source->context, ret_bytes, err);
	*ret_bytes = space;
	return source_read(source, space, size, err);
}

static inline int sink_write(const struct sink *sink, const void *bytes, size_t size, struct error *err)
{
	return sink->write(sink->context, bytes, size, err);
}

/* Streams over a descriptor, which stays the caller's; `fd` must outlive the stream, since its address is the context.
 */
struct source source_from_fd(const int *fd);
struct sink sink_to_fd(const int *fd);

struct memory_source {
	const void *bytes;
	size_t size;
	size_t position;
};
struct source source_from_memory(struct memory_source *memory);

struct buffer;
struct sink sink_to_buffer(struct buffer *buffer);

/* Copies to the end. ret_size (may be NULL) gets the number of bytes. Fails with ERROR_LIMIT past `limit` bytes. */
int stream_copy(const struct source *from, const struct sink *to, uint64_t limit, uint64_t *ret_size,
		struct error *err);
