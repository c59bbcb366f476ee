/* Build arguments that Docker knows without an ARG. */
#pragma once

#include <stdbool.h>

/* HTTP_PROXY and its like: in each RUN's environment where they are given, in no history and no cache key. */
bool build_argument_is_proxy(const char *key);
/* Those that never count as "not consumed". */
bool build_argument_is_predefined(const char *key);
