#define ERROR_IMPLEMENTATION
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

PRINTF_LIKE(4, 0)
static void fill(struct error *err, enum error_kind kind, int number, const char *format, va_list arguments)
{
	err->kind = kind;
	err->system_errno = number;
	vsnprintf(err->message, sizeof err->message, format, arguments);
}

int error_set(struct error *err, enum error_kind kind, const char *format, ...)
{
	if (!err)
		return -1;
	va_list arguments;
	va_start(arguments, format);
	fill(err, kind, 0, format, arguments);
	va_end(arguments);
	return -1;
}

int error_set_errno(struct error *err, int number, const char *format, ...)
{
	if (!err)
		return -1;
	va_list arguments;
	va_start(arguments, format);
	fill(err, number == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, number, format, arguments);
	va_end(arguments);
	size_t used = strlen(err->message);
	/* strerrordesc_np allocates nothing and takes no lock, so it is safe between clone and exec. */
	const char *text = strerrordesc_np(number);
	if (text)
		snprintf(err->message + used, sizeof err->message - used, ": %s", text);
	else
		snprintf(err->message + used, sizeof err->message - used, ": error %d", number);
	return -1;
}

int error_wrap(struct error *err, const char *format, ...)
{
	if (!err)
		return -1;
	char inner[ERROR_MESSAGE_SIZE];
	memcpy(inner, err->message, sizeof inner);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(err->message, sizeof err->message, format, arguments);
	va_end(arguments);
	size_t used = strlen(err->message);
	snprintf(err->message + used, sizeof err->message - used, ": %s", inner);
	return -1;
}

void error_clear(struct error *err)
{
	if (!err)
		return;
	err->kind = ERROR_NONE;
	err->system_errno = 0;
	err->message[0] = '\0';
}
