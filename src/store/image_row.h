/* Rows of the table `image`, for the files of this layer that read them. */
#pragma once

#include "store/image.h"

/* The columns that image_row_read() takes, of a table named or called `image`. */
#define IMAGE_COLUMNS	   "image.id, image.manifest, image.created, image.stored, image.size"
#define IMAGE_COLUMN_COUNT 5

int image_row_read(sqlite3_stmt *row, struct image *ret_image, struct error *err);
/* ERROR_NOT_FOUND "No such image: sha256:…". */
int image_row_by_id(struct store *store, const struct digest *id, struct image *ret_image, struct error *err);
/* Whether the user's text is an id of this image, whole or the beginning of it, and not a name. */
bool image_text_is_id(const char *text, const struct digest *id);
