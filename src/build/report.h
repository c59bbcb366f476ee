/*
 * Progress in BuildKit's words.
 *
 * Plain: a line at a time, `#5 [build 2/3] RUN make`, `#5 0.123 output`, `#5 DONE 0.3s`, `#5 CACHED`.
 * Terminal: a live view that is drawn over itself, `[+] Building 1.2s (5/7)` and ` => [2/3] RUN make`.
 * JSON: BuildKit's "rawjson", for programs (report_json.c).
 * Quiet: nothing, unless it fails.
 *
 * Steps may run at the same time, in processes of their own that tell this one (report_link.h).
 *
 * The output of a RUN comes through a pipe, which is read by the very process that waits for the container.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "build/build.h"

struct report;

struct report *report_new(int fd, enum build_progress progress, size_t expected_steps);
void report_free(struct report *report);
static inline void report_free_pointer(struct report **report)
{
	report_free(*report);
}
#define cleanup_report CLEANUP(report_free_pointer)

/* The number of steps that the terminal's header promises. */
void report_expect(struct report *report, size_t steps);
/* Returns the step's number, which the others take. */
size_t report_begin(struct report *report, const char *name);
void report_done(struct report *report, size_t step);
void report_cached(struct report *report, size_t step);
void report_failed(struct report *report, size_t step, const char *message);
/* It was running, and is stopped since another one failed. */
void report_canceled(struct report *report, size_t step);
/* A line of its own below the step: "exporting layers", "writing image sha256:… done". */
void report_line(struct report *report, size_t step, const char *format, ...) PRINTF_LIKE(3, 4);
/* Below everything, and counted there: a finding about the Dockerfile, lint_short_text(). */
void report_finding(struct report *report, const char *text);
/* Said once, below everything: a warning. */
void report_warning(struct report *report, const char *format, ...) PRINTF_LIKE(2, 3);

/* Called now and then while steps run elsewhere; true where it wants to be called again soon (REPORT_TICK). */
bool report_tick(struct report *report);
#define REPORT_TICK_MILLISECONDS 100

/*
 * ret_fd (owned by the caller) takes the step's output, which report_output_wait() shows until the process behind pidfd
 * has ended. It must be closed before report_output_end(), which shows the rest of it.
 */
int report_output_begin(struct report *report, size_t step, int *ret_fd, struct error *err);
void report_output_wait(void *report, int pidfd);
void report_output_end(struct report *report);

/* "------", the step's name, the end of its output. In quiet mode as well. */
void report_failure_log(struct report *report, size_t step);
/* The lines of a Dockerfile around first..last, marked with ">>>". Both 1-based. */
void report_excerpt(struct report *report, const char *file_name, const char *text, size_t size, unsigned first,
		    unsigned last);
/* The text of it, "Dockerfile:2" first. */
int excerpt_append(struct buffer *output, const char *file_name, const char *text, size_t size, unsigned first,
		   unsigned last, struct error *err);
/* The last view, with "FINISHED" or "ERROR" in its header. */
void report_finish(struct report *report, bool success);
