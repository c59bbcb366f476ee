#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/time.h"

/* Nanoseconds of the year 2262, where the type ends, with some room. */
#define SPAN_LIMIT 9.2e18

/* Go's time.ParseDuration: "1h30m", "-1.5s", "300ms". */
static bool parse_span(const char *text, nanoseconds *ret_span)
{
	static const struct {
		const char *name;
		double nanoseconds;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
	bool is_negative = *text == '-';
	double total = 0;
	text += *text == '-' || *text == '+';
	if (!*text)
		return false;
	while (*text) {
		char *end;
		if (!isdigit((unsigned char)*text) && *text != '.')
			return false;
		double number = strtod(text, &end);
		size_t length = strcspn(end, "0123456789."), unit = 0;
		while (unit < ARRAY_SIZE(units) &&
		       (strlen(units[unit].name) != length || strncmp(units[unit].name, end, length) != 0))
			unit++;
		if (end == text || unit == ARRAY_SIZE(units))
			return false;
		total += number * units[unit].nanoseconds;
		text = end + length;
	}
	if (!(total < SPAN_LIMIT))
		return false;
	*ret_span = (nanoseconds)(is_negative ? -total : total);
	return true;
}

/* A date whose end is left out means its beginning. */
static bool parse_date(const char *text, nanoseconds *ret_time)
{
	static const char missing[] = "0000-00-00T00:00:00";
	size_t length = strspn(text, "0123456789-T:");
	/* A zone may be behind, and one west of Greenwich begins with a '-' as parts of the date do. */
	const char *zone = text + length;
	if (*zone != 'Z' && *zone != '+' && *zone != '.') {
		const char *dash = length > 10 ? strrchr(text + 10, '-') : length == 16 ? text + 10 : NULL;
		zone = dash ? dash : zone;
	}
	size_t size = (size_t)(zone - text);
	bool is_form = size == 10 || size == 13 || size == 16 || size == 19;
	if (!is_form || (*zone == '.' && size != 19))
		return false;
	char whole[64];
	/* The zone of that very day: daylight saving time is told by mktime(). */
	bool is_local = *zone == '\0' || (*zone == '.' && zone[1 + strspn(zone + 1, "0123456789")] == '\0');
	int used =
		snprintf(whole, sizeof whole, "%.*s%s%s%s", (int)size, text, missing + size, zone, is_local ? "Z" : "");
	if (used < 0 || (size_t)used >= sizeof whole || !time_parse_rfc3339(whole, ret_time))
		return false;
	if (is_local) {
		time_t seconds = (time_t)(*ret_time / NANOSECONDS_PER_SECOND);
		struct tm parts;
		gmtime_r(&seconds, &parts);
		parts.tm_isdst = -1;
		*ret_time += (nanoseconds)(mktime(&parts) - seconds) * NANOSECONDS_PER_SECOND;
	}
	return true;
}

bool time_parse_moment(const char *text, nanoseconds now, nanoseconds *ret_time)
{
	nanoseconds span;
	if (parse_span(text, &span)) {
		*ret_time = now - span;
		return true;
	}
	if (parse_date(text, ret_time))
		return true;
	char *end;
	const char *digits = text + (*text == '-');
	if (!isdigit((unsigned char)*digits) || digits[strspn(digits, "0123456789.")] != '\0')
		return false;
	double number = strtod(text, &end) * 1e9;
	if (*end || !(fabs(number) < SPAN_LIMIT))
		return false;
	*ret_time = (nanoseconds)number;
	return true;
}
