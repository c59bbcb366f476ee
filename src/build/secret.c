#include "build/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"

struct secret {
	char *id, *file, *variable;
};

static void secret_parts_release(struct secret *secret)
{
	free(secret->id);
	free(secret->file);
	free(secret->variable);
}

static int parse(const char *text, struct secret *ret, struct error *err)
{
	CLEANUP(secret_parts_release) struct secret secret = {0};
	char *type = NULL;
	const struct {
		const char *key;
		char **member;
	} keys[] = {{"id", &secret.id},
		    {"src", &secret.file},
		    {"source", &secret.file},
		    {"env", &secret.variable},
		    {"type", &type}};
	for (const char *at = text;; at++) {
		size_t length = strcspn(at, ","), key = strcspn(at, "=,"), i = 0;
		while (i < ARRAY_SIZE(keys) && (strlen(keys[i].key) != key || strncmp(keys[i].key, at, key) != 0))
			i++;
		if (key == length || i == ARRAY_SIZE(keys)) {
			free(type);
			return key == length
				       ? error_set(err, ERROR_USAGE, "invalid field '%.*s' must be a key=value pair",
						   (int)length, at)
				       : error_set(err, ERROR_USAGE, "unexpected key '%.*s' in '%.*s'", (int)key, at,
						   (int)length, at);
		}
		replace_string(keys[i].member, duplicate_bytes(at + key + 1, length - key - 1));
		at += length;
		if (!*at)
			break;
	}
	bool is_env = type && strcmp(type, "env") == 0;
	bool is_known = !type || is_env || strcmp(type, "file") == 0;
	free(type);
	if (!is_known)
		return error_set(err, ERROR_USAGE, "unsupported secret type in '%s'", text);
	if (!secret.id || !secret.id[0])
		return error_set(err, ERROR_USAGE, "secret missing ID: '%s'", text);
	/* type=env,id=X,src=NAME is an old way of saying env=NAME. */
	if (is_env && secret.file && !secret.variable)
		secret.variable = steal_pointer(&secret.file);
	if (!secret.variable && !secret.file && (is_env || getenv(secret.id)))
		secret.variable = duplicate_string(secret.id);
	if (!secret.variable && !secret.file)
		secret.file = duplicate_string(secret.id);
	*ret = secret;
	secret = (struct secret){0};
	return 0;
}

int secret_check(const struct string_list *secrets, struct error *err)
{
	for (size_t i = 0; i < secrets->count; i++) {
		CLEANUP(secret_parts_release) struct secret secret = {0};
		struct stat status;
		if (parse(secrets->items[i], &secret, err) < 0)
			return -1;
		if (secret.file && stat(secret.file, &status) < 0)
			return error_set_errno(err, errno, "failed to stat %s", secret.file);
		if (secret.file && S_ISREG(status.st_mode) && (uint64_t)status.st_size > SECRET_SIZE_LIMIT)
			return error_set(err, ERROR_LIMIT, "secret %s too big. max size 500KB", secret.id);
	}
	return 0;
}

int secret_read(const struct string_list *secrets, const char *id, struct buffer *ret_text, struct error *err)
{
	for (size_t i = 0; i < secrets->count; i++) {
		CLEANUP(secret_parts_release) struct secret secret = {0};
		if (parse(secrets->items[i], &secret, err) < 0)
			return -1;
		if (strcmp(secret.id, id) != 0)
			continue;
		if (secret.variable) {
			const char *value = getenv(secret.variable);
			if (!value)
				return 0;
			return buffer_append_string(ret_text, value, err) < 0 ? -1 : 1;
		}
		cleanup_close int fd = open(secret.file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			return error_set_errno(err, errno, "secret %s: open %s", id, secret.file);
		return read_fd(fd, SECRET_SIZE_LIMIT, ret_text, err) < 0 ? error_wrap(err, "secret %s", id) : 1;
	}
	return 0;
}

void secret_release(struct buffer *text)
{
	if (text->bytes)
		explicit_bzero(text->bytes, text->allocated);
	buffer_release(text);
}
