#include "build/unpack.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "archive/compression.h"
#include "archive/layer.h"
#include "base/fd.h"
#include "base/interrupt.h"

/* POSIX pax, "ustar Interchange Format": the sum of all bytes with the checksum field taken for blanks. */
bool unpack_is_tar_header(const unsigned char block[UNPACK_BLOCK_SIZE])
{
	unsigned long sum = 0, wanted = 0;
	for (size_t i = 0; i < UNPACK_BLOCK_SIZE; i++)
		sum += i >= 148 && i < 156 ? ' ' : block[i];
	size_t i = 148;
	while (i < 156 && block[i] == ' ')
		i++;
	size_t digits = 0;
	for (; i < 156 && block[i] >= '0' && block[i] <= '7'; i++, digits++)
		wanted = wanted * 8 + (unsigned long)(block[i] - '0');
	return digits && block[0] && sum == wanted;
}

/*
 * Reads up to a block through the decompressor, which may give less at a time. 1, 0; -1: nobody can tell, since it
 * takes more memory to read than is allowed.
 */
static int looks_like_tar(const struct source *file, struct error *err)
{
	unsigned char block[UNPACK_BLOCK_SIZE];
	size_t have = 0;
	ssize_t got = 1;
	struct error why = {0};
	struct decompressor *decompressor = NULL;
	if (decompressor_new_any(file, &decompressor, &why) < 0)
		return 0;
	struct source plain = decompressor_source(decompressor);
	for (; have < sizeof block && got > 0; have += got > 0 ? (size_t)got : 0)
		got = source_read(&plain, block + have, sizeof block - have, &why);
	decompressor_free(decompressor);
	if (got < 0 && why.kind == ERROR_LIMIT) {
		*err = why;
		return -1;
	}
	return have == sizeof block && unpack_is_tar_header(block);
}

static int rewind_file(int fd, struct error *err)
{
	return lseek(fd, 0, SEEK_SET) < 0 ? error_set_errno(err, errno, "seek") : 0;
}

/* The archive's bytes: a long one can be interrupted. */
static ssize_t read_archive(void *context, void *bytes, size_t size, struct error *err)
{
	return interrupt_check(err) < 0 ? -1 : source_read(context, bytes, size, err);
}

int unpack_archive(int store_root_fd, int fd, const char *name, struct layer_staging *ret_staging, struct error *err)
{
	struct source bytes = source_from_fd(&fd), file = {read_archive, &bytes};
	struct decompressor *decompressor = NULL;
	if (rewind_file(fd, err) < 0)
		return -1;
	int is_archive = looks_like_tar(&file, err);
	if (is_archive <= 0)
		return is_archive < 0 ? error_wrap(err, "unpack %s", name) : 0;
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	if (rewind_file(fd, err) < 0 || layer_staging_begin(store_root_fd, &staging, err) < 0 ||
	    decompressor_new_any(&file, &decompressor, err) < 0)
		return error_wrap(err, "unpack %s", name);
	struct source plain = decompressor_source(decompressor);
	struct layer_totals totals;
	int result = layer_apply(&plain, staging.folder_fd, NULL, &totals, err);
	decompressor_free(decompressor);
	if (result < 0)
		return error_wrap(err, "unpack %s", name);
	*ret_staging = staging;
	staging = LAYER_STAGING_INIT;
	return 1;
}
