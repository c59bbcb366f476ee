#include "log.h"

#include <backtrace.h>
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LINE_LIMIT 4096

#define GATHER_LIMIT ((size_t)1 << 20)

static struct {
	pthread_mutex_t lock;
	pthread_cond_t work, room;
	pthread_t thread;
	char *filling, *writing; /* of GATHER_LIMIT bytes each */
	size_t size;		 /* in filling */
	bool runs, is_closing, is_idle;
} gathered = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .room = PTHREAD_COND_INITIALIZER};

/* A log that nobody can write must not end the service. */
static void write_all(const char *bytes, size_t size)
{
	while (size) {
		ssize_t written = write(STDOUT_FILENO, bytes, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return;
		bytes += written;
		size -= (size_t)written;
	}
}

static void *write_gathered(void *context)
{
	(void)context;
	pthread_mutex_lock(&gathered.lock);
	while (gathered.size || !gathered.is_closing) {
		if (!gathered.size) {
			gathered.is_idle = true;
			pthread_cond_wait(&gathered.work, &gathered.lock);
			gathered.is_idle = false;
			continue;
		}
		char *bytes = gathered.filling;
		size_t size = gathered.size;
		gathered.filling = gathered.writing;
		gathered.writing = bytes;
		gathered.size = 0;
		pthread_cond_broadcast(&gathered.room);
		pthread_mutex_unlock(&gathered.lock);
		write_all(bytes, size);
		pthread_mutex_lock(&gathered.lock);
	}
	pthread_mutex_unlock(&gathered.lock);
	return NULL;
}

void log_start(void)
{
	/* Pages that are never written cost nothing. */
	gathered.filling = malloc(GATHER_LIMIT);
	gathered.writing = malloc(GATHER_LIMIT);
	if (!gathered.filling || !gathered.writing || pthread_create(&gathered.thread, NULL, write_gathered, NULL) != 0)
		abort();
	gathered.runs = true;
}

void log_stop(void)
{
	pthread_mutex_lock(&gathered.lock);
	gathered.is_closing = true;
	pthread_cond_signal(&gathered.work);
	pthread_mutex_unlock(&gathered.lock);
	pthread_join(gathered.thread, NULL);
	gathered.runs = false;
	free(gathered.filling);
	free(gathered.writing);
}

static void write_line(char *line, size_t length)
{
	if (length > LINE_LIMIT - 2)
		length = LINE_LIMIT - 2;
	line[length++] = '\n';
	if (!gathered.runs) {
		write_all(line, length);
		return;
	}
	pthread_mutex_lock(&gathered.lock);
	while (GATHER_LIMIT - gathered.size < length)
		pthread_cond_wait(&gathered.room, &gathered.lock);
	memcpy(gathered.filling + gathered.size, line, length);
	gathered.size += length;
	if (gathered.is_idle)
		pthread_cond_signal(&gathered.work);
	pthread_mutex_unlock(&gathered.lock);
}

static void log_message(const char *level, const char *format, va_list arguments)
{
	char line[LINE_LIMIT];
	struct timeval now;
	struct tm parts;
	gettimeofday(&now, NULL);
	gmtime_r(&now.tv_sec, &parts);
	size_t used = strftime(line, sizeof line, "[%Y-%m-%d %H:%M:%S", &parts);
	used += (size_t)snprintf(line + used, sizeof line - used, ",%03ld] %s in app: ", (long)(now.tv_usec / 1000),
				 level);
	int more = vsnprintf(line + used, sizeof line - used, format, arguments);
	write_line(line, used + (more > 0 ? (size_t)more : 0));
}

void log_error(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	log_message("ERROR", format, arguments);
	va_end(arguments);
}

void log_warning(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	log_message("WARNING", format, arguments);
	va_end(arguments);
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

static const char *crash_code;

/* Only what a crashed process can still do: no lock is taken, and libbacktrace brings its own memory. */
static void on_crash(int number)
{
	char line[256];
	if (gathered.runs)
		write_all(gathered.filling, gathered.size);
	gathered.runs = false;
	int length = snprintf(line, sizeof line, "Crash: signal %d. Unique code: %s", number, crash_code);
	write_line(line, (size_t)length);
	log_backtrace();
	raise(number); /* SA_RESETHAND: the default action */
}

void log_crashes(const char *code)
{
	static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
	crash_code = code;
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		sigaction(numbers[i], &action, NULL);
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
