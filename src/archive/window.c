#include "archive/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/memory.h"

#define LET_GO_INTERVAL ((size_t)1024 * 1024)

static int map_file(struct window *window, size_t size, struct error *err)
{
	cleanup_close int fd = scratch_file(err);
	if (fd < 0)
		return -1;
	/* A full disk is told here; a page that finds no room would be a signal. */
	int number = posix_fallocate(fd, 0, (off_t)size);
	if (number)
		return error_set_errno(err, number, "make room for a window of %zu MB", size >> 20);
	void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return error_set_errno(err, errno, "map a window of %zu MB", size >> 20);
	window->file_bytes = bytes;
	window->file_size = size;
	return 0;
}

static void *window_allocate(void *context, size_t size)
{
	struct window *window = context;
	if (size <= WINDOW_MEMORY_LIMIT || window->file_bytes)
		return malloc(size);
	return map_file(window, size, &window->why) < 0 ? NULL : window->file_bytes;
}

static void window_free(void *context, void *bytes)
{
	struct window *window = context;
	if (!bytes || bytes != window->file_bytes) {
		free(bytes);
		return;
	}
	munmap(window->file_bytes, window->file_size);
	window->file_bytes = NULL;
}

ZSTD_DCtx *window_decoder_new(struct window *window)
{
	const ZSTD_customMem memory = {window_allocate, window_free, window};
	ZSTD_DCtx *decoder = ZSTD_createDCtx_advanced(memory);
	if (!decoder)
		abort();
	return decoder;
}

void window_let_go(struct window *window, size_t made)
{
	window->made += made;
	if (!window->file_bytes || window->made < LET_GO_INTERVAL)
		return;
	window->made = 0;
	/* Of a shared mapping nothing is lost: the bytes are the file's. */
	madvise(window->file_bytes, window->file_size, MADV_DONTNEED);
}
