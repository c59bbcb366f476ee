#include "build/owner.h"

#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/fd.h"

/* Digits only; anything else is a name. */
static bool is_number(const char *text)
{
	return text[0] && !text[strspn(text, "0123456789")];
}

static int parse_number(const char *text, uint32_t *ret_number, struct error *err)
{
	uint64_t number = 0;
	for (; *text && number <= INT32_MAX; text++)
		number = number * 10 + (uint64_t)(*text - '0');
	if (number > INT32_MAX)
		return error_set(err, ERROR_INVALID, "uids and gids must be in range 0-2147483647");
	*ret_number = (uint32_t)number;
	return 0;
}

static int read_names(int root_fd, const char *path, struct buffer *ret, struct error *err)
{
	/* Non-blocking: a FIFO of that name must not stop the build. */
	cleanup_close int fd = open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return error_set_errno(err, errno, "open /%s", path);
	struct stat status;
	if (fstat(fd, &status) < 0)
		return error_set_errno(err, errno, "stat /%s", path);
	if (!S_ISREG(status.st_mode))
		return error_set(err, ERROR_INVALID, "/%s is not a regular file", path);
	if (read_fd(fd, OWNER_FILE_LIMIT, ret, err) < 0)
		return error_wrap(err, "/%s", path);
	return 0;
}

/* The third field of the line that begins with "NAME:". */
static int find_name(int root_fd, const char *path, const char *name, uint32_t *ret_number, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	if (read_names(root_fd, path, &text, err) < 0)
		return -1;
	size_t length = strlen(name);
	const char *line = buffer_text(&text);
	while (*line) {
		const char *end = line + strcspn(line, "\n");
		if (strncmp(line, name, length) == 0 && line[length] == ':') {
			const char *field = memchr(line + length + 1, ':', (size_t)(end - line) - length - 1);
			size_t digits = field ? strspn(field + 1, "0123456789") : 0;
			if (!digits || digits > 10 || (field[1 + digits] != ':' && field + 1 + digits != end))
				return error_set(err, ERROR_INVALID, "/%s: the line of \"%s\" has no valid number",
						 path, name);
			cleanup_free char *number = duplicate_bytes(field + 1, digits);
			return parse_number(number, ret_number, err);
		}
		line = *end ? end + 1 : end;
	}
	return error_set(err, ERROR_NOT_FOUND, "no such entry in /%s", path);
}

static int resolve_part(int root_fd, const char *path, const char *kind, const char *text, uint32_t *ret_number,
			struct error *err)
{
	int result =
		is_number(text) ? parse_number(text, ret_number, err) : find_name(root_fd, path, text, ret_number, err);
	if (result < 0)
		return error_wrap(err, "unable to convert %s \"%s\" to a number", kind, text);
	return 0;
}

bool owner_is_numeric(const char *text)
{
	return !text[strspn(text, "0123456789:")];
}

int owner_resolve(int root_fd, const char *text, struct owner *ret_owner, struct error *err)
{
	size_t length = strcspn(text, ":");
	const char *group = text[length] ? text + length + 1 : NULL;
	if (!length || (group && (!group[0] || strchr(group, ':'))) || text[strcspn(text, "\n/")])
		return error_set(err, ERROR_INVALID, "invalid chown string \"%s\": it must be USER or USER:GROUP",
				 text);
	cleanup_free char *user = duplicate_bytes(text, length);
	struct owner owner;
	if (resolve_part(root_fd, "etc/passwd", "uid", user, &owner.user, err) < 0)
		return -1;
	owner.group = owner.user;
	if (group && resolve_part(root_fd, "etc/group", "gid", group, &owner.group, err) < 0)
		return -1;
	*ret_owner = owner;
	return 0;
}
