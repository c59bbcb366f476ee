#include "base/memory.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

static void *checked(void *pointer)
{
	if (!pointer)
		abort();
	return pointer;
}

void *allocate(size_t size)
{
	return checked(calloc(1, size ? size : 1));
}

void *allocate_unset(size_t size)
{
	return checked(malloc(size ? size : 1));
}

void *allocate_array(size_t count, size_t size)
{
	return checked(calloc(count ? count : 1, size ? size : 1));
}

#define PAGE_SIZE  4096
#define HEAP_LIMIT (64 * 1024 * 1024) /* bytes; above, an allocation is a mapping of its own */

void memory_prepare(size_t bytes)
{
	mallopt(M_MMAP_THRESHOLD, HEAP_LIMIT);
	mallopt(M_TRIM_THRESHOLD, HEAP_LIMIT);
	char *room = malloc(bytes);
	/* cppcheck-suppress uninitdata ; the address is asked for, not what is there */
	size_t before = (PAGE_SIZE - (uintptr_t)room % PAGE_SIZE) % PAGE_SIZE;
	if (room && bytes > before)
		madvise(room + before, (bytes - before) / PAGE_SIZE * PAGE_SIZE, MADV_POPULATE_WRITE);
	free(room);
}

void *reallocate_array(void *array, size_t count, size_t size)
{
	return checked(reallocarray(array, count ? count : 1, size ? size : 1));
}

char *duplicate_string(const char *text)
{
	return text ? checked(strdup(text)) : NULL;
}

char *duplicate_bytes(const void *bytes, size_t size)
{
	if (size == SIZE_MAX)
		abort();
	char *copy = checked(malloc(size + 1));
	if (size)
		memcpy(copy, bytes, size);
	copy[size] = '\0';
	return copy;
}

char *format_string(const char *format, ...)
{
	char *text = NULL;
	va_list arguments;
	va_start(arguments, format);
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		abort();
	return text;
}

void replace_string(char **pointer, char *value)
{
	free(*pointer);
	*pointer = value;
}
