/* Text as Go's packages read and write it, which Docker's options, filters and Dockerfiles are read by. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* strings.TrimSpace, of the `length` bytes at `text`: moves the one, shortens the other. */
void text_trim(const char **text, size_t *length);
/* strconv.ParseBool: 1, t, T, true, TRUE, True and their opposites; false where it is none of them. */
bool text_parse_boolean(const char *text, bool *ret_value);
/* strconv.Quote, as far as messages and histories need it: what is not ASCII stays. */
int text_append_quoted(struct buffer *buffer, const char *text, struct error *err);
