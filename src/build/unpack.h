/*
 * Local archives of ADD: recognised by their bytes, never by their names, and unpacked here, by no program of
 * anybody's.
 */
#pragma once

#include "base/error.h"
#include "store/layer_folder.h"

#define UNPACK_BLOCK_SIZE 512
/* Of a first block: is its checksum that of a tar header? */
bool unpack_is_tar_header(const unsigned char block[UNPACK_BLOCK_SIZE]);

/*
 * Returns 1 with the contents in a fresh staging folder, 0 where the file is no archive (its position is then
 * somewhere), -1 on failure. Archives may be packed with gzip, zstd, xz or bzip2.
 */
int unpack_archive(int store_root_fd, int fd, const char *name, struct layer_staging *ret_staging, struct error *err);
