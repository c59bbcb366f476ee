/* Bodies of the type application/x-www-form-urlencoded. */
#pragma once

#include <stddef.h>

/* The value of the first field of that name, decoded; owned by the caller; NULL where there is none. */
char *form_get(const char *form, const char *name);
