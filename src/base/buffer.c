#include "base/buffer.h"

#include <stdarg.h>
#include <string.h>

void buffer_release(struct buffer *buffer)
{
	free(buffer->bytes);
	*buffer = BUFFER_INIT(buffer->cap);
}

void buffer_clear(struct buffer *buffer)
{
	buffer->size = 0;
	if (buffer->bytes)
		buffer->bytes[0] = '\0';
}

/* Makes room for `size` more bytes and the NUL. */
static int reserve(struct buffer *buffer, size_t size, struct error *err)
{
	if (size > buffer->cap || buffer->size > buffer->cap - size)
		return error_set(err, ERROR_LIMIT, "more than %zu bytes", buffer->cap);
	size_t needed = buffer->size + size + 1;
	if (needed <= buffer->allocated)
		return 0;
	size_t grown = buffer->allocated ? buffer->allocated * 2 : 64;
	if (grown < needed)
		grown = needed;
	if (grown > buffer->cap + 1)
		grown = buffer->cap + 1;
	buffer->bytes = reallocate_array(buffer->bytes, grown, 1);
	buffer->allocated = grown;
	return 0;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t size, struct error *err)
{
	if (reserve(buffer, size, err) < 0)
		return -1;
	if (size)
		memcpy(buffer->bytes + buffer->size, bytes, size);
	buffer->size += size;
	buffer->bytes[buffer->size] = '\0';
	return 0;
}

int buffer_append_string(struct buffer *buffer, const char *text, struct error *err)
{
	return buffer_append(buffer, text, strlen(text), err);
}

int buffer_append_format(struct buffer *buffer, struct error *err, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *text = NULL;
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		abort();
	int result = buffer_append(buffer, text, (size_t)length, err);
	free(text);
	return result;
}

void buffer_consume(struct buffer *buffer, size_t size)
{
	if (size >= buffer->size) {
		buffer_clear(buffer);
		return;
	}
	memmove(buffer->bytes, buffer->bytes + size, buffer->size - size + 1);
	buffer->size -= size;
}

const char *buffer_text(const struct buffer *buffer)
{
	return buffer->bytes ? buffer->bytes : "";
}

char *buffer_steal(struct buffer *buffer)
{
	char *bytes = buffer->bytes ? buffer->bytes : duplicate_bytes("", 0);
	*buffer = BUFFER_INIT(buffer->cap);
	return bytes;
}
