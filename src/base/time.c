#include "base/time.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#include "base/memory.h"

static nanoseconds read_clock(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return now.tv_sec * NANOSECONDS_PER_SECOND + now.tv_nsec;
}

nanoseconds time_now(void)
{
	return read_clock(CLOCK_REALTIME);
}

nanoseconds time_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

void time_format_rfc3339(nanoseconds time, char text[TIME_TEXT_SIZE])
{
	time_t seconds = (time_t)(time / NANOSECONDS_PER_SECOND);
	long fraction = (long)(time % NANOSECONDS_PER_SECOND);
	if (fraction < 0) {
		fraction += NANOSECONDS_PER_SECOND;
		seconds--;
	}
	struct tm parts;
	gmtime_r(&seconds, &parts);
	size_t used = strftime(text, TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text + used, TIME_TEXT_SIZE - used, ".%09ldZ", fraction);
}

/* The digits at *text as a number, at most `digits` of them, and at least one. */
static bool take_number(const char **text, int digits, int *ret_number)
{
	int number = 0;
	int taken = 0;
	while (taken < digits && isdigit((unsigned char)**text)) {
		number = number * 10 + (*(*text)++ - '0');
		taken++;
	}
	*ret_number = number;
	return taken == digits;
}

static bool take_character(const char **text, char wanted)
{
	if (**text != wanted)
		return false;
	(*text)++;
	return true;
}

static bool take_offset(const char **text, long *ret_seconds)
{
	*ret_seconds = 0;
	if (**text == 'Z' || **text == 'z') {
		(*text)++;
		return true;
	}
	int sign = **text == '-' ? -1 : 1;
	if (**text != '+' && **text != '-')
		return false;
	(*text)++;
	int hours, minutes;
	if (!take_number(text, 2, &hours) || !take_character(text, ':') || !take_number(text, 2, &minutes))
		return false;
	*ret_seconds = sign * (hours * 3600L + minutes * 60L);
	return true;
}

bool time_parse_rfc3339(const char *text, nanoseconds *ret_time)
{
	struct tm parts = {0};
	if (!take_number(&text, 4, &parts.tm_year) || !take_character(&text, '-') ||
	    !take_number(&text, 2, &parts.tm_mon) || !take_character(&text, '-') ||
	    !take_number(&text, 2, &parts.tm_mday) ||
	    (!take_character(&text, 'T') && !take_character(&text, 't') && !take_character(&text, ' ')) ||
	    !take_number(&text, 2, &parts.tm_hour) || !take_character(&text, ':') ||
	    !take_number(&text, 2, &parts.tm_min) || !take_character(&text, ':') ||
	    !take_number(&text, 2, &parts.tm_sec))
		return false;
	if (parts.tm_mon < 1 || parts.tm_mon > 12 || parts.tm_mday < 1 || parts.tm_mday > 31 || parts.tm_hour > 23 ||
	    parts.tm_min > 59 || parts.tm_sec > 60)
		return false;
	long fraction = 0;
	if (take_character(&text, '.')) {
		long scale = NANOSECONDS_PER_SECOND;
		if (!isdigit((unsigned char)*text))
			return false;
		for (; isdigit((unsigned char)*text); text++) {
			scale /= 10;
			fraction += (*text - '0') * scale;
		}
	}
	long offset;
	if (!take_offset(&text, &offset) || *text != '\0')
		return false;
	parts.tm_year -= 1900;
	parts.tm_mon -= 1;
	*ret_time = ((nanoseconds)timegm(&parts) - offset) * NANOSECONDS_PER_SECOND + fraction;
	return true;
}

void time_format_duration(nanoseconds span, char text[DURATION_TEXT_SIZE])
{
	long long seconds = span / NANOSECONDS_PER_SECOND;
	double rest = (double)(seconds % 60) + (double)(span % NANOSECONDS_PER_SECOND) / 1e9;
	if (span > 0 && seconds == 0)
		snprintf(text, DURATION_TEXT_SIZE, "%gms", (double)span / 1e6);
	else if (seconds >= 3600)
		snprintf(text, DURATION_TEXT_SIZE, "%lldh%lldm%gs", seconds / 3600, seconds / 60 % 60, rest);
	else if (seconds >= 60)
		snprintf(text, DURATION_TEXT_SIZE, "%lldm%gs", seconds / 60, rest);
	else
		snprintf(text, DURATION_TEXT_SIZE, "%gs", rest);
}

void time_format_human(nanoseconds span, char *text, size_t size)
{
	long long seconds = span / NANOSECONDS_PER_SECOND;
	long long minutes = seconds / 60;
	/* go-units rounds hours to the nearest. */
	long long hours = (seconds + 1800) / 3600;
	if (seconds < 1)
		snprintf(text, size, "Less than a second");
	else if (seconds == 1)
		snprintf(text, size, "1 second");
	else if (seconds < 60)
		snprintf(text, size, "%lld seconds", seconds);
	else if (minutes == 1)
		snprintf(text, size, "About a minute");
	else if (minutes < 60)
		snprintf(text, size, "%lld minutes", minutes);
	else if (hours == 1)
		snprintf(text, size, "About an hour");
	else if (hours < 48)
		snprintf(text, size, "%lld hours", hours);
	else if (hours < 24 * 7 * 2)
		snprintf(text, size, "%lld days", hours / 24);
	else if (hours < 24 * 30 * 2)
		snprintf(text, size, "%lld weeks", hours / 24 / 7);
	else if (hours < 24 * 365 * 2)
		snprintf(text, size, "%lld months", hours / 24 / 30);
	else
		snprintf(text, size, "%lld years", hours / 24 / 365);
}

/* Go's "%.*g" of a value below 1000. */
static void format_size(uint64_t bytes, int digits, char *text, size_t size)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double value = (double)bytes;
	size_t unit = 0;
	while (value >= 1000.0 && unit + 1 < ARRAY_SIZE(units)) {
		value /= 1000.0;
		unit++;
	}
	snprintf(text, size, "%.*g%s", digits, value, units[unit]);
}

void size_format_human(uint64_t bytes, char *text, size_t size)
{
	format_size(bytes, 3, text, size);
}

void size_format_human_precise(uint64_t bytes, char *text, size_t size)
{
	format_size(bytes, 4, text, size);
}
