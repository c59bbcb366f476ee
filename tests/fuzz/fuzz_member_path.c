/*
 * Names of an archive's members, and links among them: the first line is a folder, the rest a name. What comes out has
 * neither "." nor ".." nor an empty component, and stays as it is when it is cleaned once more.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "archive/member_path.h"
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_clean(const char *path)
{
	for (const char *at = path;; at++) {
		size_t length = strcspn(at, "/");
		if (length == 0 || (length == 1 && at[0] == '.') || (length == 2 && at[0] == '.' && at[1] == '.'))
			abort();
		at += length;
		if (!*at)
			break;
	}
	if (!member_path_is_inside(path))
		abort();
	cleanup_free char *again = member_path_clean("", path);
	if (!again || strcmp(again, path) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const uint8_t *line = size ? memchr(bytes, '\n', size) : NULL;
	size_t length = line ? (size_t)(line - bytes) : 0, start = line ? length + 1 : 0;
	cleanup_free char *dirty = duplicate_bytes(bytes, length);
	cleanup_free char *name = duplicate_bytes(bytes + start, size - start);
	cleanup_free char *folder = member_path_clean("", dirty);
	if (folder)
		check_clean(folder);
	cleanup_free char *path = member_path_clean(folder ? folder : "", name);
	if (path)
		check_clean(path);
	/* What stays inside is refused only where nothing is left of it. */
	if (!path && !folder && member_path_is_inside(name) && name[strspn(name, "./")])
		abort();
	return 0;
}
