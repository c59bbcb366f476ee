#include "log.h"

#include <backtrace.h>
#include <ctype.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LINE_LIMIT 4096

/* One write a line: lines of different threads never mix. */
static void write_line(char *line, size_t length)
{
	if (length > LINE_LIMIT - 2)
		length = LINE_LIMIT - 2;
	line[length++] = '\n';
	/* A log that nobody can write must not end the service. */
	(void)!write(STDOUT_FILENO, line, length);
}

void log_error(const char *format, ...)
{
	char line[LINE_LIMIT];
	struct timeval now;
	struct tm parts;
	gettimeofday(&now, NULL);
	gmtime_r(&now.tv_sec, &parts);
	size_t used = strftime(line, sizeof line, "[%Y-%m-%d %H:%M:%S", &parts);
	used += (size_t)snprintf(line + used, sizeof line - used, ",%03ld] ERROR in app: ", (long)(now.tv_usec / 1000));
	va_list arguments;
	va_start(arguments, format);
	int more = vsnprintf(line + used, sizeof line - used, format, arguments);
	va_end(arguments);
	write_line(line, used + (more > 0 ? (size_t)more : 0));
}

static int print_frame(void *data, uintptr_t address, const char *file, int number, const char *function)
{
	(void)data;
	char line[LINE_LIMIT];
	if (!function)
		return 0;
	int length = file ? snprintf(line, sizeof line, "  at %s (%s:%d)", function, file, number)
			  : snprintf(line, sizeof line, "  at %s (0x%lx)", function, (unsigned long)address);
	write_line(line, (size_t)length);
	return 0;
}

static void ignore_problem(void *data, const char *message, int number)
{
	(void)data;
	(void)message;
	(void)number;
}

void log_backtrace(void)
{
	static struct backtrace_state *state;
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_mutex_lock(&lock);
	if (!state)
		state = backtrace_create_state(NULL, 1, ignore_problem, NULL);
	pthread_mutex_unlock(&lock);
	if (state)
		/* This function itself is left out. */
		backtrace_full(state, 0, print_frame, ignore_problem, NULL);
}

/* What came from the network must not break the line, nor a terminal that shows it. */
static void copy_printable(char *to, size_t size, const char *from)
{
	size_t used = 0;
	for (; *from && used + 1 < size; from++)
		to[used++] = isprint((unsigned char)*from) && *from != '"' ? *from : '?';
	to[used] = '\0';
}

void log_access(const char *address, const char *method, const char *url, const char *version, unsigned status)
{
	char line[LINE_LIMIT], when[32], safe_method[32], safe_url[2048];
	time_t now = time(NULL);
	struct tm parts;
	gmtime_r(&now, &parts);
	strftime(when, sizeof when, "%d/%b/%Y %H:%M:%S", &parts);
	copy_printable(safe_method, sizeof safe_method, method);
	copy_printable(safe_url, sizeof safe_url, url);
	int length = snprintf(line, sizeof line, "%s - - [%s] \"%s %s %s\" %u -", address, when, safe_method, safe_url,
			      version, status);
	write_line(line, (size_t)length);
}
