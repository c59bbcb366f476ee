/*
 * Shared by the report*.c files and by report_link.c only. All that happens to a step is an event: report_event()
 * brings the steps up to date and tells the one printer of this report, or the process that this one reports to.
 */
#pragma once

#include <sys/types.h>

#include "base/string_list.h"
#include "base/time.h"
#include "build/report.h"

#define REPORT_LINE_LIMIT 2000
#define REPORT_TAIL_SIZE  16384
#define REPORT_READ_SIZE  65536
#define REPORT_TAIL_LINES 6

enum report_event {
	REPORT_BEGIN, /* the name */
	REPORT_LOG,   /* a line of a RUN's output, without its newline */
	REPORT_LINE,  /* what the build itself has to say of the step */
	REPORT_DONE,
	REPORT_CACHED,
	REPORT_FAILED,	 /* why */
	REPORT_CANCELED, /* since another one failed, or by a signal */
	REPORT_EVENT_COUNT,
};
enum report_state {
	REPORT_STEP_RUNNING,
	REPORT_STEP_DONE,
	REPORT_STEP_CACHED,
	REPORT_STEP_FAILED,
	REPORT_STEP_CANCELED
};
enum report_phase { REPORT_RUNNING, REPORT_FINISHED, REPORT_ERROR };

/* The last lines of a step's output, whole ones. */
struct report_tail {
	size_t size;
	char text[REPORT_TAIL_SIZE];
};

struct report_step {
	char *name;
	enum report_state state;
	nanoseconds started; /* monotonic */
	nanoseconds clock;   /* the same on the wall's clock */
	double seconds;	     /* once it is over */
	struct string_list lines;
	struct report_tail *tail; /* owned; NULL: no output */
	/* Plain: what waits until the step has the floor, and since when (0: nothing does). */
	struct buffer held;
	nanoseconds waits_since;
};

/* The output of a RUN on its way. */
struct report_output {
	int fd; /* owned; -1: none */
	size_t step;
	char *pending; /* owned; REPORT_READ_SIZE bytes: a line that has not ended */
	size_t used;
	nanoseconds drawn; /* when the view was, monotonic */
};

struct report {
	int fd;
	enum build_progress progress;
	nanoseconds started;
	size_t expected;
	struct report_step *steps;
	size_t count;
	struct string_list findings, warnings;
	struct report_output output;
	int link_fd; /* where events go instead of to a printer; -1: none */
	/* Terminal: */
	size_t drawn_lines; /* what the view takes on the screen now */
	/* Plain: */
	size_t floor; /* the step that was printed last; 0: none */
	nanoseconds floor_since;
};

/* text: `size` bytes, or NULL. Returns the step, which is a new one for REPORT_BEGIN. */
size_t report_event(struct report *report, enum report_event event, size_t step, const char *text, size_t size);
bool report_is_running(const struct report *report, size_t step);
/* NULL: it had no output. */
const struct report_tail *report_tail_of(const struct report *report, size_t step);
/* A reader of our output that went away is no reason to stop a build. */
void report_print(struct report *report, const char *format, ...) PRINTF_LIKE(2, 3);

/* report_plain.c */
void report_plain_event(struct report *report, enum report_event event, size_t step, const char *text, size_t size);
/* What the step has to say from here on is printed at once. */
void report_plain_take_floor(struct report *report, size_t step);
/* Gives the floor to a step that waits for it; true where one still does. */
bool report_plain_tick(struct report *report);

/* report_json.c */
void report_json_event(struct report *report, enum report_event event, size_t step, const char *text, size_t size);
void report_json_warning(struct report *report, const char *text);

/* report_summary.c; nothing where a build was too short to be worth it. */
void report_summary(struct report *report);

/* report_terminal.c; does nothing unless the output is a terminal's. */
void report_draw(struct report *report, enum report_phase phase);
