#include "build/unpack.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "archive/compression.h"
#include "archive/layer.h"
#include "base/fd.h"

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

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), size = strlen(end);
	return length > size && strcmp(text + length - size, end) == 0;
}

static int refuse_packers(const unsigned char *bytes, size_t size, const char *name, struct error *err)
{
	bool is_xz = size >= 5 && memcmp(bytes,
					 "\xfd"
					 "7zXZ",
					 5) == 0;
	bool is_bzip2 = size >= 3 && memcmp(bytes, "BZh", 3) == 0;
	bool is_named =
		strstr(name, ".tar.") || ends_with(name, ".txz") || ends_with(name, ".tbz") || ends_with(name, ".tbz2");
	if (!is_named || (!is_xz && !is_bzip2))
		return 0;
	return error_set(err, ERROR_UNSUPPORTED,
			 "ADD %s: archives packed with %s are not supported: pack it with gzip or zstd, or COPY it and "
			 "unpack it with RUN",
			 name, is_xz ? "xz" : "bzip2");
}

/* Reads up to a block through the decompressor, which may give less at a time. */
static int looks_like_tar(const struct source *plain)
{
	unsigned char block[UNPACK_BLOCK_SIZE];
	size_t have = 0;
	while (have < sizeof block) {
		ssize_t got = source_read(plain, block + have, sizeof block - have, NULL);
		if (got <= 0)
			return false;
		have += (size_t)got;
	}
	return unpack_is_tar_header(block);
}

static int rewind_file(int fd, struct error *err)
{
	return lseek(fd, 0, SEEK_SET) < 0 ? error_set_errno(err, errno, "seek") : 0;
}

int unpack_archive(int store_root_fd, int fd, const char *name, struct layer_staging *ret_staging, struct error *err)
{
	unsigned char start[8];
	ssize_t size = pread(fd, start, sizeof start, 0);
	if (size < 0)
		return error_set_errno(err, errno, "read %s", name);
	if (refuse_packers(start, (size_t)size, name, err) < 0 || rewind_file(fd, err) < 0)
		return -1;
	struct source file = source_from_fd(&fd);
	struct decompressor *decompressor = NULL;
	if (decompressor_new(&file, &decompressor, NULL) < 0)
		return 0;
	struct source plain = decompressor_source(decompressor);
	bool is_archive = looks_like_tar(&plain);
	decompressor_free(decompressor);
	if (!is_archive)
		return 0;
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	if (rewind_file(fd, err) < 0 || layer_staging_begin(store_root_fd, &staging, err) < 0 ||
	    decompressor_new(&file, &decompressor, err) < 0)
		return error_wrap(err, "unpack %s", name);
	plain = decompressor_source(decompressor);
	struct layer_totals totals;
	int result = layer_apply(&plain, staging.folder_fd, NULL, &totals, err);
	decompressor_free(decompressor);
	if (result < 0)
		return error_wrap(err, "unpack %s", name);
	*ret_staging = staging;
	staging = LAYER_STAGING_INIT;
	return 1;
}
