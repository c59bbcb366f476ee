/* Which image of a layout or an archive is meant. */
#pragma once

#include "transfer/copy_source.h"

/* In the text of an index.json; name NULL: the only one. */
int copy_layout_find(const struct buffer *index, const char *name, struct descriptor *ret_root, struct error *err);
/* In a docker-archive. ret_made is filled where the manifest had to be made. */
int copy_archive_find(struct spool *spool, const char *name, struct descriptor *ret_root,
		      struct copy_document *ret_made, struct error *err);
