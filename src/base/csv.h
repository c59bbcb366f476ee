/* One record of comma-separated values (RFC 4180), as Docker's options write several settings in one argument. */
#pragma once

#include "base/error.h"
#include "base/string_list.h"

/* Adds the fields of `text`. In quotes a comma is text, and "" is a quote. ERROR_INVALID where a quote does not end. */
int csv_split(const char *text, struct string_list *fields, struct error *err);
