#include <string.h>

#include "cli/command.h"
#include "cli/format.h"
#include "engine/history.h"

#define COMMAND_WIDTH 45 /* characters that Docker shows of a step, the last an ellipsis where there is more */
#define ID_WIDTH      12

struct history_context {
	bool human, whole;
};

static const struct history_context *context_of(const void *context)
{
	return context;
}

static char *id_text(const void *row, const void *context)
{
	const struct history_step *step = row;
	if (!step->image)
		return duplicate_string("<missing>");
	if (context_of(context)->whole)
		return duplicate_string(step->image->text);
	return format_string("%.*s", ID_WIDTH, digest_hex(step->image));
}

static char *created_text(const void *row, const void *context)
{
	char text[TIME_TEXT_SIZE];
	time_format_rfc3339(((const struct history_step *)row)->created, text);
	return format_string("%.19sZ", text);
}

static char *since_text(const void *row, const void *context)
{
	const struct history_step *step = row;
	if (!context_of(context)->human)
		return created_text(row, context);
	if (!step->created)
		return duplicate_string("N/A");
	char age[64];
	time_format_human(time_now() - step->created, age, sizeof age);
	return format_string("%s ago", age);
}

/* Where character `count` of a text begins. */
static size_t bytes_of(const char *text, size_t count)
{
	size_t at = 0;
	while (text[at] && (count > 0 || (text[at] & 0xc0) == 0x80)) {
		count -= (text[at] & 0xc0) != 0x80;
		at++;
	}
	return at;
}

static char *created_by_text(const void *row, const void *context)
{
	const struct history_step *step = row;
	cleanup_free char *text = duplicate_string(step->step && step->step->created_by ? step->step->created_by : "");
	for (char *at = text; *at; at++)
		if (*at == '\t')
			*at = ' ';
	if (context_of(context)->whole || !text[bytes_of(text, COMMAND_WIDTH)])
		return duplicate_string(text);
	return format_string("%.*s…", (int)bytes_of(text, COMMAND_WIDTH - 1), text);
}

static char *size_text(const void *row, const void *context)
{
	const struct history_step *step = row;
	char size[16];
	if (!context_of(context)->human)
		return format_string("%llu", (unsigned long long)step->size);
	size_format_human(step->size, size, sizeof size);
	return duplicate_string(size);
}

static char *comment_text(const void *row, const void *context)
{
	const struct history_step *step = row;
	return duplicate_string(step->step && step->step->comment ? step->step->comment : "");
}

static const struct format_column columns[] = {
	{"Comment", "COMMENT", comment_text},
	{"CreatedAt", "CREATED AT", created_text},
	{"CreatedBy", "CREATED BY", created_by_text},
	{"CreatedSince", "CREATED", since_text},
	{"ID", "IMAGE", id_text},
	{"Size", "SIZE", size_text},
	{NULL, NULL, NULL},
};

static const char *choose_format(const char *format, bool quiet, bool human)
{
	if (format && strcmp(format, "table") != 0)
		return format;
	if (quiet)
		return "{{.ID}}";
	return human ? "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"
		     : "table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
}

int cmd_history(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	struct history_context context = {.human = true};
	bool quiet = false;
	const char *format = NULL;
	const struct option options[] = {
		OPTION_STRING(0, "format", &format, "string",
			      "Format output: 'table', 'table TEMPLATE', 'json', or a Go template"),
		OPTION_FLAG('H', "human", &context.human,
			    "Print sizes and dates in human readable format (default true)"),
		OPTION_FLAG(0, "no-trunc", &context.whole, "Don't truncate output"),
		OPTION_FLAG('q', "quiet", &quiet, "Only show image IDs"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_history struct history history = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0 || history_read(engine, arguments[0], &history, err) < 0)
		return -1;
	const struct format_rows rows = {
		.type_name = "*formatter.historyContext",
		.columns = columns,
		.context = &context,
		.rows = history.steps,
		.count = history.count,
		.row_size = sizeof *history.steps,
	};
	return format_print(&rows, choose_format(format, quiet, context.human), err);
}
