#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "engine/top.h"

#define COLUMN_WIDTH 20 /* at least, as Docker's */
#define COLUMN_SPACE 3

static size_t width_of(const struct top_table *table, size_t column)
{
	size_t columns = table->titles.count, width = strlen(table->titles.items[column]);
	for (size_t i = column; i < table->cells.count; i += columns)
		if (strlen(table->cells.items[i]) > width)
			width = strlen(table->cells.items[i]);
	return width + COLUMN_SPACE > COLUMN_WIDTH ? width + COLUMN_SPACE : COLUMN_WIDTH;
}

static void print(const struct top_table *table)
{
	size_t columns = table->titles.count;
	if (columns == 0)
		return;
	size_t *widths = allocate_array(columns + 1, sizeof *widths);
	for (size_t i = 0; i + 1 < columns; i++)
		widths[i] = width_of(table, i);
	for (size_t i = 0; i < columns; i++)
		printf("%-*s%s", (int)widths[i], table->titles.items[i], i + 1 == columns ? "\n" : "");
	for (size_t i = 0; i < table->cells.count; i++)
		printf("%-*s%s", (int)widths[i % columns], table->cells.items[i], (i + 1) % columns ? "" : "\n");
	free(widths);
}

int cmd_top(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	cleanup_engine struct engine *engine = NULL;
	cleanup_top_table struct top_table table = {0};
	cleanup_string_list struct string_list words = {0};
	int result = command_options(invocation, options, OPTIONS_BEFORE_FIRST, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	for (int i = 1; i < count; i++)
		string_list_add(&words, arguments[i]);
	if (command_open_engine(invocation, &engine, err) < 0 ||
	    container_top(engine, arguments[0], &words, &table, err) < 0)
		return -1;
	print(&table);
	return 0;
}
