/* The kinds of error as words, for the pipe: enum error_kind in lower case without ERROR_. */
#pragma once

#include "base/error.h"

const char *error_kind_name(enum error_kind kind);
/* ERROR_SYSTEM for a word that is none. */
enum error_kind error_kind_from_name(const char *name);
