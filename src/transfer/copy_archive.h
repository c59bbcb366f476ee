/* Which image of a docker-archive is meant. */
#pragma once

#include "transfer/copy_source.h"

/* name NULL: the only one. ret_made is filled where the manifest had to be made. */
int copy_archive_find(struct spool *spool, const char *name, struct descriptor *ret_root,
		      struct copy_document *ret_made, struct error *err);
