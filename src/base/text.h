/* Text as Go's packages read it, which Docker's options, filters and Dockerfiles are read by. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* strings.TrimSpace, of the `length` bytes at `text`: moves the one, shortens the other. */
void text_trim(const char **text, size_t *length);
/* strconv.ParseBool: 1, t, T, true, TRUE, True and their opposites; false where it is none of them. */
bool text_parse_boolean(const char *text, bool *ret_value);
