#include "build/path.h"

#include <stdbool.h>
#include <string.h>

char *path_clean(const char *path)
{
	bool rooted = path[0] == '/';
	char *clean = allocate(strlen(path) + 2);
	size_t used = 0;
	size_t floor = 0; /* what ".." cannot take away */
	if (rooted)
		clean[used++] = '/';
	floor = used;
	for (const char *at = path; *at;) {
		if (*at == '/') {
			at++;
			continue;
		}
		size_t length = strcspn(at, "/");
		bool is_parent = length == 2 && at[0] == '.' && at[1] == '.';
		if (length == 1 && at[0] == '.') {
			/* nothing */
		} else if (is_parent && used > floor) {
			used--;
			while (used > floor && clean[used] != '/')
				used--;
		} else if (!is_parent || !rooted) {
			if (used > (rooted ? 1u : 0u))
				clean[used++] = '/';
			memcpy(clean + used, at, length);
			used += length;
			if (is_parent)
				floor = used;
		}
		at += length;
	}
	if (!used)
		clean[used++] = '.';
	clean[used] = '\0';
	return clean;
}

char *path_resolve(const char *folder, const char *path)
{
	if (path[0] == '/')
		return path_clean(path);
	cleanup_free char *joined = format_string("%s/%s", folder, path);
	return path_clean(joined);
}
