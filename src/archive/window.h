/*
 * The memory of a zstd decoder. A frame may look back by up to 128 MiB (--long=27, or level 22), and a decoder keeps as
 * much of what it made: times three, for layers side by side, that is more than a pull may take. So a large window lies
 * in a file without a name below $TMPDIR (/var/tmp), of which only a part is mapped in at a time; the kernel may write
 * the rest out. Windows of up to 8 MiB, which is what compressors use where nothing else is asked for, are plain
 * memory.
 */
#pragma once

#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_customMem */
#include <stddef.h>
#include <zstd.h>

#include "base/error.h"

#define WINDOW_MEMORY_LIMIT ((size_t)9 * 1024 * 1024) /* with the block behind it */

struct window {
	void *file_bytes; /* NULL: none is that large */
	size_t file_size;
	size_t made;	  /* bytes since it was last let go */
	struct error why; /* why there is none */
};

/* `window` is zeroed, and outlives the decoder. */
ZSTD_DCtx *window_decoder_new(struct window *window);
/* After each step of the decoder, which made so many bytes. */
void window_let_go(struct window *window, size_t made);
