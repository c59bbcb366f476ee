/* Columns of containers: rows are struct container_view. For `ps` and `system df -v`. */
#pragma once

#include "cli/format.h"
#include "engine/list.h"

/* What format_rows.context points to. */
struct container_format {
	bool whole;	       /* --no-trunc */
	struct engine *engine; /* for sizes, which take looking at all files; NULL: they are not asked for */
	bool no_virtual;       /* the size of what was written, without that of the image */
};

extern const struct format_column container_columns[];
const struct string_list *container_row_labels(const void *row);
