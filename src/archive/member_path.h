/* Names of members of an archive of images, and what its links point at. None of them ever becomes a path on disk. */
#pragma once

#include <stdbool.h>

/* "a/./b//c" → "a/b/c", from `folder`, which is "" or a clean path; NULL for what leaves the archive or is empty. Owned
 * by the caller. */
char *member_path_clean(const char *folder, const char *text);
/* False for absolute names and for those with "..". */
bool member_path_is_inside(const char *path);
