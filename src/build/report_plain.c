/*
 * Plain progress: lines that stay, in BuildKit's form. Where steps run at the same time one of them has the floor; the
 * lines of the others are held, so that a log can be read. The floor goes to whoever ends, whose lines are then all
 * there, and to one that has waited while the other had its turn:
 *
 *     #7 [a 2/2] RUN make
 *     #7 0.101 cc -o a
 *     #7 ...
 *
 *     #8 [b 2/2] RUN true
 *     #8 DONE 0.1s
 *
 *     #7 [a 2/2] RUN make
 *     #7 DONE 2.3s
 */
#include "base/fd.h"
#include "build/report_internal.h"

#define TURN	   NANOSECONDS_PER_SECOND
#define HELD_LIMIT ((size_t)256 * 1024)

void report_plain_take_floor(struct report *report, size_t step)
{
	struct report_step *item = &report->steps[step - 1];
	if (report->floor == step)
		return;
	if (report->floor && report_is_running(report, report->floor))
		report_print(report, "#%zu ...\n", report->floor);
	report_print(report, "%s#%zu %s\n", report->floor ? "\n" : "", step, item->name);
	report->floor = step;
	report->floor_since = time_monotonic();
	write_full(report->fd, buffer_text(&item->held), item->held.size, NULL);
	buffer_release(&item->held);
	item->waits_since = 0;
}

static bool floor_is_free(const struct report *report)
{
	return !report->floor || !report_is_running(report, report->floor);
}

static void say(struct report *report, size_t step, const char *text)
{
	struct report_step *item = &report->steps[step - 1];
	if (report->floor != step && floor_is_free(report))
		report_plain_take_floor(report, step);
	if (report->floor != step) {
		if (!item->held.cap)
			item->held = BUFFER_INIT(HELD_LIMIT);
		if (!item->waits_since)
			item->waits_since = time_monotonic();
		if (buffer_append_string(&item->held, text, NULL) == 0)
			return;
		report_plain_take_floor(report, step);
	}
	report_print(report, "%s", text);
}

static double seconds_of(const struct report_step *item)
{
	return (double)(time_monotonic() - item->started) / 1e9;
}

void report_plain_event(struct report *report, enum report_event event, size_t step, const char *text, size_t size)
{
	struct report_step *item = &report->steps[step - 1];
	cleanup_free char *line = NULL;
	switch (event) {
	case REPORT_BEGIN:
		if (floor_is_free(report))
			report_plain_take_floor(report, step);
		else
			item->waits_since = time_monotonic();
		return;
	case REPORT_LOG:
		line = format_string("#%zu %.3f %.*s\n", step, seconds_of(item), (int)size, text);
		break;
	case REPORT_LINE:
		line = format_string("#%zu %.*s\n", step, (int)size, text);
		break;
	case REPORT_DONE:
		line = format_string("#%zu DONE %.1fs\n", step, item->seconds);
		break;
	case REPORT_CACHED:
		line = format_string("#%zu CACHED\n", step);
		break;
	case REPORT_FAILED:
		line = format_string("#%zu ERROR: %.*s\n", step, (int)size, text);
		break;
	default:
		line = format_string("#%zu CANCELED\n", step);
		break;
	}
	if (event != REPORT_LOG && event != REPORT_LINE)
		report_plain_take_floor(report, step);
	say(report, step, line);
}

bool report_plain_tick(struct report *report)
{
	nanoseconds now = time_monotonic();
	struct report_step *longest = NULL;
	for (size_t i = 0; i < report->count; i++) {
		struct report_step *item = &report->steps[i];
		if (item->waits_since && item->state == REPORT_STEP_RUNNING &&
		    (!longest || item->waits_since < longest->waits_since))
			longest = item;
	}
	if (!longest)
		return false;
	bool is_free = floor_is_free(report);
	bool has_waited = now - longest->waits_since > TURN && (is_free || now - report->floor_since > TURN);
	if (has_waited || (is_free && longest->held.size))
		report_plain_take_floor(report, (size_t)(longest - report->steps) + 1);
	return true;
}
