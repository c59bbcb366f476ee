#include "runtime/executable.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 0 where `program` can be run, else an errno. */
static int check(const char *program)
{
	struct stat status;
	if (stat(program, &status) < 0)
		return errno;
	if (S_ISDIR(status.st_mode))
		return EISDIR;
	if (faccessat(AT_FDCWD, program, X_OK, AT_EACCESS) < 0)
		return errno;
	return 0;
}

/* Docker's texts are Go's, which begin with a small letter. */
static const char *small_letter(char *text, size_t size, int number)
{
	const char *known = strerrordesc_np(number);
	snprintf(text, size, "%s", known ? known : "unknown error");
	if (text[0] >= 'A' && text[0] <= 'Z' && !(text[1] >= 'A' && text[1] <= 'Z'))
		text[0] = (char)(text[0] - 'A' + 'a');
	return text;
}

int executable_fail(const char *name, int number, struct error *err)
{
	char text[128];
	if (number == ENOENT || number == ENOTDIR) {
		error_set(err, ERROR_NO_COMMAND, "exec: \"%s\": stat %s: %s", name, name,
			  small_letter(text, sizeof text, number));
	} else {
		error_set(err, ERROR_CANNOT_INVOKE, "exec: \"%s\": %s", name,
			  number == EISDIR ? "is a directory" : small_letter(text, sizeof text, number));
	}
	if (err)
		err->system_errno = number;
	return -1;
}

int executable_find(const char *name, const char *path, char *ret_program, size_t size, struct error *err)
{
	if (name[0] == '\0')
		return error_set(err, ERROR_NO_COMMAND, "exec: \"\": executable file not found in $PATH");
	if (strchr(name, '/')) {
		int number = check(name);
		if (number != 0)
			return executable_fail(name, number, err);
		if ((size_t)snprintf(ret_program, size, "%s", name) >= size)
			return executable_fail(name, ENAMETOOLONG, err);
		return 0;
	}
	for (const char *at = path;; at++) {
		size_t length = strcspn(at, ":");
		/* An empty or relative entry would mean the working directory: what Docker's lookup refuses as well. */
		if (at[0] == '/' && (size_t)snprintf(ret_program, size, "%.*s/%s", (int)length, at, name) < size &&
		    check(ret_program) == 0)
			return 0;
		at += length;
		if (*at == '\0')
			break;
	}
	return error_set(err, ERROR_NO_COMMAND, "exec: \"%s\": executable file not found in $PATH", name);
}
