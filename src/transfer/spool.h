/*
 * An archive of images (tar, plain or compressed) whose members are wanted in another order than they come in: each is
 * written to a file without a name below $TMPDIR (/var/tmp), hashed on the way, and found by its path or its digest.
 * Nothing is left when the process ends, however it ends.
 */
#pragma once

#include "store/blob.h"

#define SPOOL_FILE_LIMIT ((size_t)8192)

struct spool_file {
	char *path;
	char *target;	      /* of a link, from the archive's root; else NULL */
	struct digest digest; /* sha512 where the path says so, else sha256 */
	uint64_t size;
	int fd;
};

struct spool {
	struct blob_store base; /* stat and open alone */
	struct spool_file *files;
	size_t count;
};

int spool_read(const char *archive, struct spool **ret_spool, struct error *err);
/* Links are followed inside the archive, and the last member of a name counts. NULL where there is none. */
const struct spool_file *spool_find(const struct spool *spool, const char *path);
void spool_free(struct spool *spool);
static inline void spool_free_pointer(struct spool **spool)
{
	spool_free(*spool);
}
#define cleanup_spool CLEANUP(spool_free_pointer)
