/* JSON on many lines, as Go's encoder writes it with an indent: what `manifest inspect` shows. */
#pragma once

#include "base/json.h"

/* Each level behind `indent` once more, "\t" or "   ". Members stay in their order. Owned by the caller. */
char *json_indent(const json_t *value, const char *indent);
