/* Columns of images: rows are struct image_tag. For `image ls` and `system df -v`. */
#pragma once

#include "cli/format.h"
#include "store/image_usage.h"

/* What format_rows.context points to. */
struct image_format {
	bool whole;			   /* --no-trunc */
	const struct image_usages *usages; /* for what is shared; NULL: "N/A" */
};

extern const struct format_column image_columns[];
