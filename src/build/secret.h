/* `--secret id=ID[,src=FILE|env=NAME]`. What is read is wiped when it is released. */
#pragma once

#include "base/buffer.h"
#include "base/string_list.h"

#define SECRET_SIZE_LIMIT ((size_t)500 * 1024) /* BuildKit's */

/* ERROR_USAGE where a text of the command line is no secret. */
int secret_check(const struct string_list *secrets, struct error *err);
/* 1: found, 0: none has that id. */
int secret_read(const struct string_list *secrets, const char *id, struct buffer *ret_text, struct error *err);
void secret_release(struct buffer *text);
