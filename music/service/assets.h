/* Files that are part of the program (web/). */
#pragma once

#include <stddef.h>

extern const char page_html[], page_html_end[];
extern const char openapi_json[], openapi_json_end[];
