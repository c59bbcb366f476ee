/*
 * .dockerignore: its lines, an empty line, then paths. What is checked beyond the sanitizers: a folder that is said to
 * hold no exception holds none; without exceptions what lies in an ignored folder is ignored; the same comes out twice;
 * and a pattern of COPY that has nothing special fits itself alone.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "build/ignore.h"
#include "build/match.h"
#include "build/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_path(const struct ignore_list *list, const char *path)
{
	bool ignored = ignore_matches(list, path);
	require(ignored == ignore_matches(list, path));
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		cleanup_free char *folder = duplicate_bytes(path, (size_t)(slash - path));
		if (!ignore_matches(list, folder) || ignored)
			continue;
		require(list->has_exceptions && ignore_may_hold_exceptions(list, folder));
	}
}

static void check_pattern(const char *text)
{
	cleanup_match struct match_pattern *pattern = NULL;
	if (match_compile(text, MATCH_GO, &pattern, NULL) < 0)
		return;
	match_test(pattern, "a/b", 3);
	if (!match_has_wildcard(text))
		require(match_test(pattern, text, strlen(text)) && !match_test(pattern, "\x01", 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	cleanup_free char *text = duplicate_bytes(bytes, size);
	char *paths = strstr(text, "\n\n");
	size_t length = paths ? (size_t)(paths - text) : size;
	cleanup_ignore_list struct ignore_list list = {0};
	struct error err = {0};
	if (ignore_parse((const char *)bytes, length, &list, &err) < 0) {
		require(err.message[0]);
		return 0;
	}
	static const char *const always[] = {"a", "a/b", "a/b/c.txt", "node_modules/x/y", ".git/config", "\xc3\xbc/x"};
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		check_path(&list, always[i]);
	char *state = NULL;
	for (char *line = paths ? strtok_r(paths, "\n", &state) : NULL; line; line = strtok_r(NULL, "\n", &state)) {
		cleanup_free char *rooted = format_string("/%s", line);
		cleanup_free char *clean = path_clean(rooted);
		if (clean[1])
			check_path(&list, clean + 1);
		if (line[0] != '\x01')
			check_pattern(line);
	}
	return 0;
}
