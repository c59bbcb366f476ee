/* Files that are part of the program (web/). */
#pragma once

#include <stddef.h>

extern const char page_html[], openapi_json[];
extern const unsigned page_html_size, openapi_json_size; /* bytes; a NUL is behind them */
