#include "cli/progress.h"

#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/time.h"

#define BAR_WIDTH   50
#define BAR_COLUMNS 110 /* a terminal that is narrower gets no bar */
#define LAYER_LIMIT 1024

struct layer_line {
	char *id;
	char *status;
};

struct progress {
	struct transfer_progress transfer;
	FILE *file;
	bool is_terminal;
	bool is_quiet;
	bool is_json;
	struct layer_line *layers;
	size_t layer_count;
};

/* Takes the event. */
static void show_json(struct progress *progress, json_t *taken)
{
	cleanup_json json_t *event = taken;
	if (!event) /* not valid UTF-8 */
		return;
	cleanup_free char *text = json_text(event);
	fprintf(progress->file, "%s\n", text);
	fflush(progress->file);
}

static void show_line(void *context, const char *text)
{
	struct progress *progress = context;
	if (progress->is_quiet)
		return;
	if (progress->is_json) {
		show_json(progress, json_pack("{s:s}", "status", text));
		return;
	}
	fprintf(progress->file, "%s\n", text);
	fflush(progress->file);
}

static struct layer_line *find_layer(struct progress *progress, const char *id, bool *ret_is_new)
{
	*ret_is_new = false;
	for (size_t i = 0; i < progress->layer_count; i++)
		if (strcmp(progress->layers[i].id, id) == 0)
			return &progress->layers[i];
	if (progress->layer_count == LAYER_LIMIT)
		return NULL;
	progress->layers = reallocate_array(progress->layers, progress->layer_count + 1, sizeof *progress->layers);
	struct layer_line *layer = &progress->layers[progress->layer_count++];
	*layer = (struct layer_line){duplicate_string(id), duplicate_string("")};
	*ret_is_new = true;
	return layer;
}

static struct winsize terminal_size(const struct progress *progress)
{
	struct winsize size;
	if (ioctl(fileno(progress->file), TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
		return (struct winsize){.ws_row = 24, .ws_col = 80};
	return size;
}

/* "0123456789ab: Downloading [=====>      ]  1.2MB/8.4MB" */
static void format_bar(unsigned columns, const char *id, const char *status, int64_t current, int64_t total, char *text,
		       size_t size)
{
	char done[16], whole[16];
	size_format_human((uint64_t)current, done, sizeof done);
	size_format_human((uint64_t)total, whole, sizeof whole);
	if (columns < BAR_COLUMNS) {
		snprintf(text, size, "%s: %s  %s/%s", id, status, done, whole);
		return;
	}
	char bar[BAR_WIDTH + 1];
	int filled = current >= total ? BAR_WIDTH : (int)(current * BAR_WIDTH / total);
	for (int i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < filled ? '=' : i == filled ? '>' : ' ';
	bar[BAR_WIDTH] = '\0';
	snprintf(text, size, "%s: %s [%s]  %s/%s", id, status, bar, done, whole);
}

static void show_on_terminal(struct progress *progress, const struct layer_line *layer, bool is_new, int64_t current,
			     int64_t total)
{
	char text[256];
	bool has_bar =
		total > 0 && (strcmp(layer->status, "Downloading") == 0 || strcmp(layer->status, "Extracting") == 0 ||
			      strcmp(layer->status, "Pushing") == 0 || strcmp(layer->status, "Loading layer") == 0);
	struct winsize terminal = terminal_size(progress);
	if (has_bar)
		format_bar(terminal.ws_col, layer->id, layer->status, current, total, text, sizeof text);
	else
		snprintf(text, sizeof text, "%s: %s", layer->id, layer->status);
	/* A line that wraps would be two, and what has scrolled away is not there to be changed. */
	if (terminal.ws_col < sizeof text)
		text[terminal.ws_col - 1] = '\0';
	size_t up = progress->layer_count - (size_t)(layer - progress->layers);
	if (!is_new && up >= terminal.ws_row)
		return;
	if (is_new)
		fprintf(progress->file, "%s\n", text);
	else
		/* Up to the layer's line, clear it, write it, back down. */
		fprintf(progress->file, "\033[%zuA\r\033[2K%s\r\033[%zuB", up, text, up);
	fflush(progress->file);
}

static void show_layer(void *context, const char *id, const char *status, int64_t current, int64_t total)
{
	struct progress *progress = context;
	if (progress->is_quiet)
		return;
	if (progress->is_json) {
		json_t *event = json_pack("{s:s, s:s}", "id", id, "status", status);
		if (event && total > 0) {
			json_object_set_new(event, "current", json_integer(current));
			json_object_set_new(event, "total", json_integer(total));
		}
		show_json(progress, event);
		return;
	}
	bool is_new;
	struct layer_line *layer = find_layer(progress, id, &is_new);
	if (!layer)
		return;
	bool has_changed = strcmp(layer->status, status) != 0;
	if (has_changed)
		replace_string(&layer->status, duplicate_string(status));
	if (progress->is_terminal) {
		show_on_terminal(progress, layer, is_new, current, total);
	} else if (has_changed && strcmp(status, "Downloading") != 0 && strcmp(status, "Extracting") != 0 &&
		   strcmp(status, "Pushing") != 0) {
		fprintf(progress->file, "%s: %s\n", id, status);
		fflush(progress->file);
	}
}

int progress_style_parse(const char *text, bool quiet, enum progress_style *ret_style, struct error *err)
{
	static const char *const names[] = {"auto", "plain", "tty", "json", "quiet"};
	*ret_style = quiet ? PROGRESS_QUIET : PROGRESS_AUTO;
	for (size_t i = 0; text && i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			if (!quiet)
				*ret_style = (enum progress_style)i;
			return 0;
		}
	}
	return text ? error_set(err, ERROR_USAGE,
				"invalid progress mode %s: it is one of auto, plain, tty, json and quiet", text)
		    : 0;
}

struct progress *progress_new(int fd, bool quiet)
{
	return progress_new_styled(fd, quiet ? PROGRESS_QUIET : PROGRESS_AUTO);
}

struct progress *progress_new_styled(int fd, enum progress_style style)
{
	struct progress *progress = allocate(sizeof *progress);
	progress->file = fd == STDOUT_FILENO ? stdout : stderr;
	progress->is_terminal = style == PROGRESS_TERMINAL || (style == PROGRESS_AUTO && isatty(fd));
	progress->is_quiet = style == PROGRESS_QUIET;
	progress->is_json = style == PROGRESS_JSON;
	progress->transfer = (struct transfer_progress){{show_line, progress}, show_layer, progress};
	return progress;
}

const struct transfer_progress *progress_transfer(struct progress *progress)
{
	return &progress->transfer;
}

int progress_fail(struct progress *progress, const struct error *failure)
{
	if (progress->is_json)
		show_json(progress, json_pack("{s:s}", "error", failure->message));
	return -1;
}

void progress_free(struct progress *progress)
{
	if (!progress)
		return;
	for (size_t i = 0; i < progress->layer_count; i++) {
		free(progress->layers[i].id);
		free(progress->layers[i].status);
	}
	free(progress->layers);
	free(progress);
}
