#include "build/ignore.h"

#include <string.h>

#include "base/text.h"
#include "build/match.h"
#include "build/path.h"

struct ignore_pattern {
	char *text;
	struct match_pattern *match;
	bool is_exception;
};

void ignore_list_release(struct ignore_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->patterns[i].text);
		match_free(list->patterns[i].match);
	}
	free(list->patterns);
	*list = (struct ignore_list){0};
}

static int add_line(struct ignore_list *list, const char *line, size_t length, struct error *err)
{
	if (length && line[0] == '#')
		return 0;
	text_trim(&line, &length);
	if (!length)
		return 0;
	bool is_exception = line[0] == '!';
	if (is_exception) {
		line++;
		length--;
		text_trim(&line, &length);
		if (!length)
			return error_set(err, ERROR_INVALID, "illegal exclusion pattern: \"!\"");
	}
	if (list->count >= IGNORE_PATTERN_LIMIT)
		return error_set(err, ERROR_LIMIT, "more than %d patterns", IGNORE_PATTERN_LIMIT);
	cleanup_free char *raw = duplicate_bytes(line, length);
	cleanup_free char *clean = path_clean(raw);
	const char *text = clean[0] == '/' && clean[1] ? clean + 1 : clean;
	struct match_pattern *match = NULL;
	if (match_compile(text, MATCH_IGNORE, &match, err) < 0)
		return -1;
	list->patterns = reallocate_array(list->patterns, list->count + 1, sizeof *list->patterns);
	list->patterns[list->count++] = (struct ignore_pattern){duplicate_string(text), match, is_exception};
	list->has_exceptions |= is_exception;
	return 0;
}

int ignore_parse(const char *bytes, size_t size, struct ignore_list *ret_list, struct error *err)
{
	if (size > IGNORE_FILE_LIMIT)
		return error_set(err, ERROR_LIMIT, "more than %zu bytes", IGNORE_FILE_LIMIT);
	if (size && memchr(bytes, '\0', size))
		return error_set(err, ERROR_INVALID, "it holds a zero byte: it must be plain text");
	cleanup_ignore_list struct ignore_list list = {0};
	const char *end = bytes + size;
	if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
		bytes += 3;
	for (unsigned number = 1; bytes < end; number++) {
		const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
		const char *stop = newline ? newline : end;
		if (add_line(&list, bytes, (size_t)(stop - bytes), err) < 0)
			return error_wrap(err, "line %u", number);
		bytes = newline ? newline + 1 : end;
	}
	*ret_list = list;
	list = (struct ignore_list){0};
	return 0;
}

/* The path itself, or one of the folders that it is in. */
static bool matches_path_or_parent(const struct ignore_pattern *pattern, const char *path, size_t length)
{
	if (match_test(pattern->match, path, length))
		return true;
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
		if (match_test(pattern->match, path, (size_t)(slash - path)))
			return true;
	return false;
}

bool ignore_matches(const struct ignore_list *list, const char *path)
{
	bool ignored = false;
	size_t length = strlen(path);
	for (size_t i = 0; i < list->count; i++) {
		const struct ignore_pattern *pattern = &list->patterns[i];
		if (pattern->is_exception == ignored && matches_path_or_parent(pattern, path, length))
			ignored = !pattern->is_exception;
	}
	return ignored;
}

bool ignore_may_hold_exceptions(const struct ignore_list *list, const char *folder)
{
	size_t length = strlen(folder);
	for (size_t i = 0; i < list->count; i++) {
		if (!list->patterns[i].is_exception)
			continue;
		const char *text = list->patterns[i].text;
		/* What stands before the first wildcard is known: it leads into the folder, or the folder leads there.
		 */
		size_t fixed = strcspn(text, "*?[\\");
		bool wild = text[fixed] != '\0';
		size_t common = fixed < length ? fixed : length;
		if (strncmp(text, folder, common) != 0)
			continue;
		if (wild ? fixed <= length || text[length] == '/' : fixed > length && text[length] == '/')
			return true;
	}
	return false;
}
