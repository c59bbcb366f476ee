#include "build/report.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "build/report_internal.h"
#include "build/report_link.h"

struct report *report_new(int fd, enum build_progress progress, size_t expected_steps)
{
	struct report *report = allocate(sizeof *report);
	report->fd = fd;
	report->expected = expected_steps;
	report->started = time_monotonic();
	if (progress == BUILD_PROGRESS_AUTO)
		progress = isatty(fd) ? BUILD_PROGRESS_TTY : BUILD_PROGRESS_PLAIN;
	report->progress = progress;
	report->output.fd = -1;
	report->link_fd = -1;
	return report;
}

static void close_output(struct report *report)
{
	if (report->output.fd >= 0)
		close(report->output.fd);
	report->output.fd = -1;
}

void report_free(struct report *report)
{
	if (!report)
		return;
	close_output(report);
	for (size_t i = 0; i < report->count; i++) {
		free(report->steps[i].name);
		string_list_release(&report->steps[i].lines);
		free(report->steps[i].tail);
		buffer_release(&report->steps[i].held);
	}
	free(report->steps);
	string_list_release(&report->findings);
	string_list_release(&report->warnings);
	free(report->output.pending);
	free(report);
}

void report_expect(struct report *report, size_t steps)
{
	report->expected = steps;
}

void report_print(struct report *report, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *text = NULL;
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length >= 0)
		write_full(report->fd, text, (size_t)length, NULL);
	free(text);
}

bool report_is_running(const struct report *report, size_t step)
{
	return report->steps[step - 1].state == REPORT_STEP_RUNNING;
}

const struct report_tail *report_tail_of(const struct report *report, size_t step)
{
	return report->steps[step - 1].tail;
}

static double seconds_since(nanoseconds start)
{
	return (double)(time_monotonic() - start) / 1e9;
}

static size_t add_step(struct report *report, const char *name, size_t size)
{
	report->steps = reallocate_array(report->steps, report->count + 1, sizeof *report->steps);
	report->steps[report->count] = (struct report_step){
		.name = duplicate_bytes(name, size),
		.started = time_monotonic(),
		.clock = time_now(),
	};
	return ++report->count;
}

/* The last lines, kept for the terminal's view and for a failure. Old ones fall out at the front. */
static void keep_line(struct report_tail *tail, const char *line, size_t length)
{
	if (length > REPORT_LINE_LIMIT)
		length = REPORT_LINE_LIMIT;
	while (tail->size && tail->size + length + 1 > sizeof tail->text) {
		const char *end = memchr(tail->text, '\n', tail->size);
		size_t drop = end ? (size_t)(end - tail->text) + 1 : tail->size;
		memmove(tail->text, tail->text + drop, tail->size - drop);
		tail->size -= drop;
	}
	memcpy(tail->text + tail->size, line, length);
	tail->text[tail->size + length] = '\n';
	tail->size += length + 1;
}

static void keep_output(struct report *report, size_t step, const char *text, size_t size)
{
	struct report_step *item = &report->steps[step - 1];
	if (!item->tail) {
		item->tail = allocate_unset(sizeof *item->tail);
		item->tail->size = 0;
	}
	cleanup_free char *kept = format_string("%.3f %.*s", seconds_since(item->started), (int)size, text);
	keep_line(item->tail, kept, strlen(kept));
}

static void finish_step(struct report *report, size_t step, enum report_event event)
{
	static const enum report_state states[] = {
		[REPORT_DONE] = REPORT_STEP_DONE,
		[REPORT_CACHED] = REPORT_STEP_CACHED,
		[REPORT_FAILED] = REPORT_STEP_FAILED,
		[REPORT_CANCELED] = REPORT_STEP_CANCELED,
	};
	struct report_step *item = &report->steps[step - 1];
	item->state = states[event];
	item->seconds = seconds_since(item->started);
}

size_t report_event(struct report *report, enum report_event event, size_t step, const char *text, size_t size)
{
	if (event == REPORT_BEGIN)
		step = add_step(report, text, size);
	else if (event == REPORT_LOG && report->link_fd < 0)
		keep_output(report, step, text, size);
	else if (event == REPORT_LINE && report->link_fd < 0)
		string_list_take(&report->steps[step - 1].lines, duplicate_bytes(text, size));
	else if (event >= REPORT_DONE)
		finish_step(report, step, event);
	if (report->link_fd >= 0)
		report_link_send(report->link_fd, event, step, text, size);
	else if (report->progress == BUILD_PROGRESS_PLAIN)
		report_plain_event(report, event, step, text, size);
	else if (report->progress == BUILD_PROGRESS_JSON)
		report_json_event(report, event, step, text, size);
	else if (event != REPORT_LOG) /* output comes too often: it is drawn by whoever waits for it */
		report_draw(report, REPORT_RUNNING);
	return step;
}

bool report_tick(struct report *report)
{
	report_draw(report, REPORT_RUNNING);
	return report->progress == BUILD_PROGRESS_TTY ||
	       (report->progress == BUILD_PROGRESS_PLAIN && report_plain_tick(report));
}

size_t report_begin(struct report *report, const char *name)
{
	return report_event(report, REPORT_BEGIN, 0, name, strlen(name));
}

void report_done(struct report *report, size_t step)
{
	report_event(report, REPORT_DONE, step, NULL, 0);
}

void report_cached(struct report *report, size_t step)
{
	report_event(report, REPORT_CACHED, step, NULL, 0);
}

void report_failed(struct report *report, size_t step, const char *message)
{
	report_event(report, REPORT_FAILED, step, message, strlen(message));
}

void report_canceled(struct report *report, size_t step)
{
	if (report_is_running(report, step))
		report_event(report, REPORT_CANCELED, step, NULL, 0);
}

void report_line(struct report *report, size_t step, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *text = NULL;
	if (vasprintf(&text, format, arguments) < 0)
		abort();
	va_end(arguments);
	report_event(report, REPORT_LINE, step, text, strlen(text));
	free(text);
}

void report_finding(struct report *report, const char *text)
{
	string_list_add(&report->findings, text);
}

void report_warning(struct report *report, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *text = NULL;
	if (vasprintf(&text, format, arguments) < 0)
		abort();
	va_end(arguments);
	string_list_take(&report->warnings, text);
}

/* The line is shown as it came, colours and all; the live view takes out what would move its cursor. */
static void take_line(struct report *report, size_t step, char *line, size_t length)
{
	const char *visible = line;
	/* A progress bar writes over itself: the last state counts. */
	while (length && line[length - 1] == '\r')
		length--;
	const char *back = memrchr(line, '\r', length);
	if (back && report->progress == BUILD_PROGRESS_TTY)
		visible = back + 1;
	report_event(report, REPORT_LOG, step, visible, (size_t)(line + length - visible));
}

static void take_output(struct report *report, bool at_end)
{
	struct report_output *output = &report->output;
	size_t start = 0;
	for (;;) {
		char *end = memchr(output->pending + start, '\n', output->used - start);
		if (!end)
			break;
		take_line(report, output->step, output->pending + start, (size_t)(end - output->pending) - start);
		start = (size_t)(end - output->pending) + 1;
	}
	if (start < output->used && (at_end || output->used - start == REPORT_READ_SIZE)) {
		take_line(report, output->step, output->pending + start, output->used - start);
		start = output->used;
	}
	memmove(output->pending, output->pending + start, output->used - start);
	output->used -= start;
}

/* Reads once; closes it at its end. */
static void read_output(struct report *report)
{
	struct report_output *output = &report->output;
	ssize_t got = read(output->fd, output->pending + output->used, REPORT_READ_SIZE - output->used);
	if (got < 0 && errno == EINTR)
		return;
	if (got > 0)
		output->used += (size_t)got;
	take_output(report, got <= 0);
	if (got <= 0)
		close_output(report);
}

/* Until the process has ended; -1: until everybody has closed the output. */
static void wait_for_output(struct report *report, int pidfd)
{
	struct report_output *output = &report->output;
	bool live = report->progress == BUILD_PROGRESS_TTY && report->link_fd < 0;
	while (output->fd >= 0 || pidfd >= 0) {
		struct pollfd polled[] = {{.fd = output->fd, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
		int ready = poll(polled, ARRAY_SIZE(polled), live ? REPORT_TICK_MILLISECONDS : -1);
		if (ready < 0 && errno != EINTR)
			return;
		if (ready > 0 && polled[0].revents)
			read_output(report);
		if (live && time_monotonic() - output->drawn > REPORT_TICK_MILLISECONDS * 1000000LL) {
			report_draw(report, REPORT_RUNNING);
			output->drawn = time_monotonic();
		}
		if (ready > 0 && polled[1].revents)
			return;
	}
}

int report_output_begin(struct report *report, size_t step, int *ret_fd, struct error *err)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "make a pipe");
	if (!report->output.pending)
		report->output.pending = allocate_unset(REPORT_READ_SIZE);
	report->output.fd = fds[0];
	report->output.step = step;
	report->output.used = 0;
	if (report->progress == BUILD_PROGRESS_PLAIN && report->link_fd < 0)
		report_plain_take_floor(report, step);
	*ret_fd = fds[1];
	return 0;
}

void report_output_wait(void *report, int pidfd)
{
	wait_for_output(report, pidfd);
}

void report_output_end(struct report *report)
{
	wait_for_output(report, -1);
}

void report_failure_log(struct report *report, size_t step)
{
	if (report->progress == BUILD_PROGRESS_JSON)
		return;
	const struct report_tail *tail = report_tail_of(report, step);
	report_print(report, "------\n > %s:\n", report->steps[step - 1].name);
	if (tail)
		write_full(report->fd, tail->text, tail->size, NULL);
	report_print(report, "------\n");
}

int excerpt_append(struct buffer *output, const char *file_name, const char *text, size_t size, unsigned first,
		   unsigned last, struct error *err)
{
	static const char rule[] = "--------------------\n";
	if (buffer_append_format(output, err, "%s:%u\n%s", file_name, first, rule) < 0)
		return -1;
	const char *end = text + size;
	for (unsigned number = 1; number <= last + 1; number++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;
		int length = (int)(stop - text) - (stop > text && stop[-1] == '\r');
		if (number + 1 >= first &&
		    buffer_append_format(output, err, " %3u | %s %.*s\n", number,
					 number >= first && number <= last ? ">>>" : "   ", length, text) < 0)
			return -1;
		if (!newline)
			break;
		text = newline + 1;
	}
	return buffer_append_string(output, rule, err);
}

#define EXCERPT_LIMIT ((size_t)2 * 1024 * 1024)

void report_excerpt(struct report *report, const char *file_name, const char *text, size_t size, unsigned first,
		    unsigned last)
{
	cleanup_buffer struct buffer output = BUFFER_INIT(EXCERPT_LIMIT);
	if (first && report->progress != BUILD_PROGRESS_JSON &&
	    excerpt_append(&output, file_name, text, size, first, last, NULL) == 0)
		write_full(report->fd, output.bytes, output.size, NULL);
}

static void print_notes(struct report *report)
{
	size_t findings = report->findings.count;
	if (findings)
		report_print(report, "\n %zu warning%s found (use --check to expand):\n", findings,
			     findings == 1 ? "" : "s");
	for (size_t i = 0; i < findings; i++)
		report_print(report, " - %s\n", report->findings.items[i]);
	for (size_t i = 0; i < report->warnings.count; i++)
		report_print(report, "%s%s\n", i == 0 ? "\n" : "", report->warnings.items[i]);
}

void report_finish(struct report *report, bool success)
{
	report_draw(report, success ? REPORT_FINISHED : REPORT_ERROR);
	if (report->progress == BUILD_PROGRESS_QUIET)
		return;
	if (report->progress != BUILD_PROGRESS_JSON) {
		if (success)
			report_summary(report);
		print_notes(report);
		return;
	}
	const struct string_list *lists[] = {&report->findings, &report->warnings};
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (size_t j = 0; j < lists[i]->count; j++)
			report_json_warning(report, lists[i]->items[j]);
}
