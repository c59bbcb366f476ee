#include "base/stream.h"

#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"
#include "base/fd.h"

#define COPY_CHUNK ((size_t)128 * 1024)

static ssize_t fd_read(void *context, void *bytes, size_t size, struct error *err)
{
	const int *fd = context;
	ssize_t got = read_some(*fd, bytes, size);
	return got < 0 ? error_set_errno(err, errno, "read") : got;
}

static int fd_write(void *context, const void *bytes, size_t size, struct error *err)
{
	const int *fd = context;
	return write_full(*fd, bytes, size, err);
}

struct source source_from_fd(const int *fd)
{
	return (struct source){fd_read, (void *)fd};
}

struct sink sink_to_fd(const int *fd)
{
	return (struct sink){fd_write, (void *)fd};
}

static ssize_t memory_read(void *context, void *bytes, size_t size, struct error *err)
{
	(void)err;
	struct memory_source *memory = context;
	size_t left = memory->size - memory->position;
	if (size > left)
		size = left;
	if (size)
		memcpy(bytes, (const char *)memory->bytes + memory->position, size);
	memory->position += size;
	return (ssize_t)size;
}

struct source source_from_memory(struct memory_source *memory)
{
	return (struct source){memory_read, memory};
}

static int buffer_write(void *context, const void *bytes, size_t size, struct error *err)
{
	return buffer_append(context, bytes, size, err);
}

struct sink sink_to_buffer(struct buffer *buffer)
{
	return (struct sink){buffer_write, buffer};
}

int stream_copy(const struct source *from, const struct sink *to, uint64_t limit, uint64_t *ret_size, struct error *err)
{
	cleanup_free char *chunk = allocate(COPY_CHUNK);
	uint64_t total = 0;
	for (;;) {
		ssize_t got = source_read(from, chunk, COPY_CHUNK, err);
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		if ((uint64_t)got > limit - total)
			return error_set(err, ERROR_LIMIT, "more than %" PRIu64 " bytes", limit);
		total += (uint64_t)got;
		if (sink_write(to, chunk, (size_t)got, err) < 0)
			return -1;
	}
	if (ret_size)
		*ret_size = total;
	return 0;
}
