/* Paths as text, in the way of Go's package path: for names in Dockerfiles, never for opening files outside of a root.
 */
#pragma once

#include "base/memory.h"

/* Go's path.Clean: no "//", no "." and, as far as it can be known, no "..". "" becomes ".". Owned by the caller. */
char *path_clean(const char *path);
/* `path` where it is absolute, else it behind `folder`; cleaned. */
char *path_resolve(const char *folder, const char *path);
