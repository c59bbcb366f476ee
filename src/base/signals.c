#include "base/signals.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"

/* The size of the kernel's signal set, in bytes: one bit a signal. */
#define KERNEL_SET_SIZE 8

void signals_reset(void)
{
	/* Not sigaction(): libc keeps 32 and 33 for its threads and refuses to touch them, yet they are inherited like
	 * the rest. All zeros is SIG_DFL without flags, whatever the order of the kernel's fields. */
	static const unsigned long defaults[8];
	for (int number = 1; number <= KERNEL_SET_SIZE * 8; number++)
		syscall(SYS_rt_sigaction, number, defaults, NULL, KERNEL_SET_SIZE);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Names that libc has for none, or has another for. */
static const struct {
	const char *name;
	int number;
} aliases[] = {{"CLD", SIGCHLD}, {"IO", SIGIO}, {"IOT", SIGABRT}, {"POLL", SIGPOLL}, {"UNUSED", SIGSYS}};

/* The kernel's range less the two that libc keeps for itself: what the names mean to Docker. */
#define REAL_TIME_FIRST 34
#define REAL_TIME_LAST	64

/* "RTMIN", "RTMIN+3", "RTMAX-1"; 0 where it is none. */
static int parse_real_time(const char *name)
{
	bool from_first = strncasecmp(name, "RTMIN", 5) == 0;
	if (!from_first && strncasecmp(name, "RTMAX", 5) != 0)
		return 0;
	int base = from_first ? REAL_TIME_FIRST : REAL_TIME_LAST;
	name += 5;
	if (!*name)
		return base;
	char *end;
	long distance = strtol(name, &end, 10);
	bool is_number = *name == (from_first ? '+' : '-') && name[1] >= '0' && name[1] <= '9' && !*end;
	if (!is_number || labs(distance) > REAL_TIME_LAST - REAL_TIME_FIRST)
		return 0;
	return base + (int)distance;
}

static int parse_name(const char *name)
{
	for (int i = 1; i < NSIG; i++) {
		const char *abbreviation = sigabbrev_np(i);
		if (abbreviation && strcasecmp(abbreviation, name) == 0)
			return i;
	}
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		if (strcasecmp(aliases[i].name, name) == 0)
			return aliases[i].number;
	return parse_real_time(name);
}

int signal_parse(const char *text, int *ret_number, struct error *err)
{
	char *end;
	long number = strtol(text, &end, 10);
	if (!*text || *end || number <= 0 || number >= NSIG)
		number = parse_name(strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text);
	if (!number)
		return error_set(err, ERROR_INVALID, "invalid signal: %s", text);
	*ret_number = (int)number;
	return 0;
}
