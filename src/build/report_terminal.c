/*
 * The live view. Each drawing moves the cursor up over the last one, clears to the end of the screen and writes anew,
 * in one write(2), so that nothing flickers. A line is one row, whatever is in it: the terminal wraps none while it is
 * drawn. The view never grows higher than the screen, since what has scrolled off cannot be drawn over: steps that are
 * over fall out first, the oldest ones before the others; then output; then steps that run.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "build/report_internal.h"

#define VIEW_LIMIT ((size_t)64 * 1024 * 1024)
#define WRAP_OFF   "\x1b[?7l"
#define WRAP_ON	   "\x1b[?7h"

/* What falls out of a view that is too high, in this order; the header never does. */
enum line_rank { RANK_OVER, RANK_OUTPUT, RANK_RUNNING, RANK_HEADER };

struct view {
	struct string_list lines;
	enum line_rank *ranks; /* of each line */
	size_t width;
	bool is_last; /* nothing will be drawn over it, so that long lines may wrap */
};

/* Cut to the width; bytes that would move the cursor become blanks. */
static void add_line(struct view *view, enum line_rank rank, const char *text, const char *right)
{
	size_t right_size = strlen(right);
	size_t room = view->width > right_size + 1 ? view->width - right_size - 1 : 0;
	if (view->is_last && !right_size)
		room = SIZE_MAX;
	char *line = allocate(strlen(text) + view->width + right_size + 1);
	size_t used = 0, columns = 0;
	for (; *text && columns < room; text++) {
		unsigned char c = (unsigned char)*text;
		line[used++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
		columns += (c & 0xc0) != 0x80; /* a character of UTF-8 is one column, whatever its bytes */
	}
	while (used && columns == room && ((unsigned char)*text & 0xc0) == 0x80)
		line[used++] = *text++;
	if (right_size) {
		while (columns++ < room)
			line[used++] = ' ';
		memcpy(line + used, right, right_size);
	}
	view->ranks = reallocate_array(view->ranks, view->lines.count + 1, sizeof *view->ranks);
	view->ranks[view->lines.count] = rank;
	string_list_take(&view->lines, line);
}

/* Marks the lines that are shown: `height` of them, or all. Returns how many. */
static size_t choose_lines(const struct view *view, size_t height, bool *chosen)
{
	size_t left = view->lines.count;
	memset(chosen, true, left * sizeof *chosen);
	for (enum line_rank rank = RANK_OVER; rank < RANK_HEADER; rank++)
		for (size_t i = 0; i < view->lines.count && left > height; i++) {
			chosen[i] = view->ranks[i] != rank && chosen[i];
			left -= view->ranks[i] == rank;
		}
	return left;
}

static void add_tail(struct view *view, const struct report_tail *tail)
{
	size_t start = tail->size;
	for (int lines = 0; start > 0 && lines < REPORT_TAIL_LINES; lines++) {
		start--;
		while (start > 0 && tail->text[start - 1] != '\n')
			start--;
	}
	while (start < tail->size) {
		const char *end = memchr(tail->text + start, '\n', tail->size - start);
		size_t length = end ? (size_t)(end - tail->text) - start : tail->size - start;
		cleanup_free char *text = format_string(" => => # %.*s", (int)length, tail->text + start);
		add_line(view, RANK_OUTPUT, text, "");
		start += length + 1;
	}
}

static void add_step(struct view *view, const struct report *report, size_t index)
{
	const struct report_step *step = &report->steps[index];
	static const char *const words[] = {
		[REPORT_STEP_RUNNING] = "",	      [REPORT_STEP_DONE] = "",
		[REPORT_STEP_CACHED] = "CACHED ",     [REPORT_STEP_FAILED] = "ERROR ",
		[REPORT_STEP_CANCELED] = "CANCELED ",
	};
	bool running = step->state == REPORT_STEP_RUNNING;
	double seconds = running ? (double)(time_monotonic() - step->started) / 1e9 : step->seconds;
	cleanup_free char *text = format_string(" => %s%s", words[step->state], step->name);
	cleanup_free char *right = format_string("%.1fs", seconds);
	add_line(view, running ? RANK_RUNNING : RANK_OVER, text, right);
	for (size_t i = 0; i < step->lines.count; i++) {
		cleanup_free char *line = format_string(" => => %s", step->lines.items[i]);
		add_line(view, running ? RANK_OUTPUT : RANK_OVER, line, "");
	}
	const struct report_tail *tail = running ? report_tail_of(report, index + 1) : NULL;
	if (tail)
		add_tail(view, tail);
}

static void fill_view(struct view *view, const struct report *report, enum report_phase phase)
{
	static const char *const words[] = {
		[REPORT_RUNNING] = "",
		[REPORT_FINISHED] = " FINISHED",
		[REPORT_ERROR] = " ERROR",
	};
	size_t done = 0;
	for (size_t i = 0; i < report->count; i++)
		done += report->steps[i].state != REPORT_STEP_RUNNING;
	size_t total = report->expected > report->count ? report->expected : report->count;
	if (phase == REPORT_FINISHED)
		total = done;
	cleanup_free char *header =
		format_string("[+] Building %.1fs (%zu/%zu)%s", (double)(time_monotonic() - report->started) / 1e9,
			      done, total, words[phase]);
	add_line(view, RANK_HEADER, header, "");
	for (size_t i = 0; i < report->count; i++)
		add_step(view, report, i);
}

void report_draw(struct report *report, enum report_phase phase)
{
	if (report->progress != BUILD_PROGRESS_TTY || report->link_fd >= 0)
		return;
	struct winsize window = {0};
	if (ioctl(report->fd, TIOCGWINSZ, &window) < 0 || !window.ws_col || !window.ws_row)
		window = (struct winsize){.ws_row = 24, .ws_col = 80};
	bool is_last = phase != REPORT_RUNNING;
	/* There is no room for a line and the cursor below it. */
	if (window.ws_row < 2 && !is_last)
		return;
	struct view view = {.width = window.ws_col, .is_last = is_last};
	fill_view(&view, report, phase);
	/* At the end all is shown: nothing will be drawn over it. */
	cleanup_free bool *chosen = allocate_array(view.lines.count, sizeof *chosen);
	size_t height = choose_lines(&view, is_last ? SIZE_MAX : window.ws_row - 1U, chosen);
	cleanup_buffer struct buffer out = BUFFER_INIT(VIEW_LIMIT);
	if (report->drawn_lines)
		buffer_append_format(&out, NULL, "\x1b[%zuA", report->drawn_lines);
	buffer_append_string(&out, is_last ? "\r\x1b[J" : "\r\x1b[J" WRAP_OFF, NULL);
	for (size_t i = 0; i < view.lines.count; i++)
		if (chosen[i])
			buffer_append_format(&out, NULL, "%s\n", view.lines.items[i]);
	if (!is_last)
		buffer_append_string(&out, WRAP_ON, NULL);
	report->drawn_lines = height;
	write_full(report->fd, buffer_text(&out), out.size, NULL);
	string_list_release(&view.lines);
	free(view.ranks);
}
