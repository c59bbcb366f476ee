/*
 * A growable run of bytes with a cap that is set at birth (after curl's dynbuf). Going over the cap is an error of kind
 * ERROR_LIMIT, never an allocation. The bytes are always followed by a NUL that does not count.
 *
 *     cleanup_buffer struct buffer text = BUFFER_INIT(64 * 1024);
 *     if (buffer_append(&text, bytes, size, err) < 0) ...
 *     char *owned = buffer_steal(&text);
 */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

struct buffer {
	char *bytes; /* NULL while empty */
	size_t size;
	size_t allocated;
	size_t cap; /* bytes, the NUL not counted */
};

#define BUFFER_INIT(cap_bytes) ((struct buffer){.cap = (cap_bytes)})

void buffer_release(struct buffer *buffer);
/* Keeps the memory. */
void buffer_clear(struct buffer *buffer);
int buffer_append(struct buffer *buffer, const void *bytes, size_t size, struct error *err);
int buffer_append_string(struct buffer *buffer, const char *text, struct error *err);
int buffer_append_format(struct buffer *buffer, struct error *err, const char *format, ...) PRINTF_LIKE(3, 4);
/* Drops the first `size` bytes. */
void buffer_consume(struct buffer *buffer, size_t size);
/* "" while empty, never NULL. */
const char *buffer_text(const struct buffer *buffer);
/* The bytes, owned by the caller, never NULL; the buffer is empty after. */
char *buffer_steal(struct buffer *buffer);

#define cleanup_buffer CLEANUP(buffer_release)
