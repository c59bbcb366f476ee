#include "archive/layer_path.h"

#include <string.h>

int layer_path_clean(const char *name, char ret_path[PATH_MAX], struct error *err)
{
	size_t size = 0;
	int depth = 0;
	while (*name) {
		size_t length = strcspn(name, "/");
		bool is_dot = length == 1 && name[0] == '.';
		if (length == 2 && name[0] == '.' && name[1] == '.')
			return error_set(err, ERROR_INVALID, "\"..\" in a name could leave the layer");
		if (length > NAME_MAX)
			return error_set(err, ERROR_LIMIT, "a name of more than %d bytes", NAME_MAX);
		if (length > 0 && !is_dot) {
			if (size + length + 2 > PATH_MAX)
				return error_set(err, ERROR_LIMIT, "a path of more than %d bytes", PATH_MAX - 1);
			if (++depth > LAYER_DEPTH_LIMIT)
				return error_set(err, ERROR_LIMIT, "more than %d folders deep", LAYER_DEPTH_LIMIT);
			if (size)
				ret_path[size++] = '/';
			memcpy(ret_path + size, name, length);
			size += length;
		}
		name += length;
		name += *name == '/';
	}
	ret_path[size] = '\0';
	return 0;
}

void layer_path_split(char path[PATH_MAX], const char **ret_parent, const char **ret_base)
{
	char *slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	*ret_parent = slash ? path : "";
	*ret_base = slash ? slash + 1 : path;
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

int layer_path_classify(const char *path, enum layer_name *ret_kind, struct error *err)
{
	enum layer_name kind = LAYER_NAME_PLAIN;
	for (;;) {
		size_t length = strcspn(path, "/");
		bool is_last = path[length] == '\0';
		if (is_last && strcmp(path, WHITEOUT_OPAQUE) == 0)
			kind = LAYER_NAME_OPAQUE;
		else if (starts_with(path, WHITEOUT_META_PREFIX))
			kind = LAYER_NAME_IGNORED;
		else if (starts_with(path, WHITEOUT_PREFIX))
			kind = LAYER_NAME_WHITEOUT;
		if (is_last || kind != LAYER_NAME_PLAIN)
			break;
		path += length + 1;
	}
	if (kind == LAYER_NAME_WHITEOUT) {
		const char *hidden = path + strlen(WHITEOUT_PREFIX);
		if (strchr(path, '/'))
			return error_set(err, ERROR_INVALID, "a whiteout (\"" WHITEOUT_PREFIX "…\") cannot hold files");
		if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
			return error_set(err, ERROR_INVALID, "a whiteout that names nothing");
	}
	*ret_kind = kind;
	return 0;
}

void layer_path_printable(const char *path, char text[256])
{
	size_t i = 0;
	for (; i < 255 && path[i]; i++)
		text[i] = (unsigned char)path[i] < ' ' || path[i] == 0x7f ? '?' : path[i];
	text[i] = '\0';
}
