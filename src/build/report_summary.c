/* Where the time of a build went: its longest steps, for whoever wants the next build to be faster. */
#include <string.h>

#include "build/report_internal.h"

#define WORTH_TELLING 1.0 /* seconds that a build takes at least */
#define SHARE	      20  /* a step below the 20th part of the build is not told of */
#define SHOWN_STEPS   3
#define NAME_WIDTH    72 /* bytes of a step's name */

/* The longest steps in order; returns how many. */
static size_t choose(const struct report *report, double total, const struct report_step *chosen[SHOWN_STEPS])
{
	size_t count = 0;
	for (size_t i = 0; i < report->count; i++) {
		const struct report_step *step = &report->steps[i];
		if (step->state != REPORT_STEP_DONE || step->seconds * SHARE < total)
			continue;
		size_t place = count < SHOWN_STEPS ? count++ : SHOWN_STEPS;
		for (; place > 0 && chosen[place - 1]->seconds < step->seconds; place--)
			if (place < SHOWN_STEPS)
				chosen[place] = chosen[place - 1];
		if (place < SHOWN_STEPS)
			chosen[place] = step;
	}
	return count;
}

static size_t count_cached(const struct report *report)
{
	size_t count = 0;
	for (size_t i = 0; i < report->count; i++)
		count += report->steps[i].state == REPORT_STEP_CACHED;
	return count;
}

/* Not in the middle of a character. */
static size_t shown_length(const char *name)
{
	size_t length = strlen(name);
	if (length <= NAME_WIDTH)
		return length;
	for (length = NAME_WIDTH; length > 0 && ((unsigned char)name[length] & 0xc0) == 0x80;)
		length--;
	return length;
}

void report_summary(struct report *report)
{
	double total = (double)(time_monotonic() - report->started) / 1e9;
	const struct report_step *chosen[SHOWN_STEPS];
	if (total < WORTH_TELLING)
		return;
	size_t count = choose(report, total, chosen);
	if (count == 0)
		return;
	report_print(report, "\nBuilt in %.1fs, %zu of %zu steps from the cache. The longest:\n", total,
		     count_cached(report), report->count);
	for (size_t i = 0; i < count; i++) {
		const char *name = chosen[i]->name;
		size_t length = shown_length(name);
		report_print(report, "%7.1fs  %.*s%s\n", chosen[i]->seconds, (int)length, name,
			     name[length] ? "..." : "");
	}
}
