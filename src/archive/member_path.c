#include "archive/member_path.h"

#include <string.h>

#include "base/memory.h"
#include "base/string_list.h"

char *member_path_clean(const char *folder, const char *text)
{
	cleanup_string_list struct string_list parts = {0};
	cleanup_free char *whole = *text == '/' ? NULL : format_string("%s/%s", folder, text);
	for (const char *at = whole; at && *at;) {
		size_t size = strcspn(at, "/");
		if (size == 2 && memcmp(at, "..", 2) == 0) {
			if (parts.count == 0)
				return NULL;
			free(parts.items[--parts.count]);
			parts.items[parts.count] = NULL;
		} else if (size > 0 && !(size == 1 && *at == '.')) {
			string_list_take(&parts, duplicate_bytes(at, size));
		}
		at += size + (at[size] == '/');
	}
	return parts.count > 0 ? string_list_join(&parts, "/") : NULL;
}

bool member_path_is_inside(const char *path)
{
	if (*path == '/')
		return false;
	for (const char *at = path; *at; at += strspn(at, "/")) {
		size_t size = strcspn(at, "/");
		if (size == 2 && memcmp(at, "..", 2) == 0)
			return false;
		at += size;
	}
	return true;
}
