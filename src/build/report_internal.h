/* Shared by report.c and report_terminal.c only. */
#pragma once

#include <sys/types.h>

#include "base/string_list.h"
#include "base/time.h"
#include "build/report.h"

#define REPORT_LINE_LIMIT 2000
#define REPORT_TAIL_SIZE  16384
#define REPORT_TAIL_LINES 6

enum report_state { REPORT_STEP_RUNNING, REPORT_STEP_DONE, REPORT_STEP_CACHED, REPORT_STEP_FAILED };
enum report_phase { REPORT_RUNNING, REPORT_FINISHED, REPORT_ERROR };

struct report_step {
	char *name;
	enum report_state state;
	nanoseconds started; /* monotonic */
	double seconds;	     /* once it is over */
	struct string_list lines;
};

/* Written by the child that reads a step's output, read by both. */
struct report_shared {
	size_t drawn_lines; /* what the view takes on the screen now */
	size_t step;	    /* whose output `text` is; 0: none */
	size_t size;
	char text[REPORT_TAIL_SIZE]; /* whole lines, the last ones */
};

struct report {
	int fd;
	enum build_progress progress;
	nanoseconds started;
	size_t expected;
	struct report_step *steps;
	size_t count;
	struct string_list findings, warnings;
	struct report_shared *shared;
	pid_t reader; /* -1: none */
};

/* Does nothing unless the output is a terminal's. */
void report_draw(struct report *report, enum report_phase phase);
