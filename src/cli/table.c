#include "cli/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define MINIMUM_WIDTH 10
#define PADDING	      3

void table_init(struct table *table, size_t column_count)
{
	*table = (struct table){.column_count = column_count};
}

static void take(struct table *table, char *cell)
{
	/* Room doubles, at each power of two. */
	if ((table->cell_count & (table->cell_count - 1)) == 0)
		table->cells = reallocate_array(table->cells, table->cell_count ? 2 * table->cell_count : 1,
						sizeof *table->cells);
	table->cells[table->cell_count++] = cell;
}

void table_add(struct table *table, const char *cell)
{
	take(table, duplicate_string(cell ? cell : ""));
}

void table_add_format(struct table *table, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *text = NULL;
	if (vasprintf(&text, format, arguments) < 0)
		abort();
	va_end(arguments);
	take(table, text);
}

/* Characters, not bytes: continuation bytes of UTF-8 take no room. */
static size_t display_width(const char *text)
{
	size_t width = 0;
	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

static size_t column_width(const struct table *table, size_t column)
{
	size_t width = MINIMUM_WIDTH;
	for (size_t i = column; i < table->cell_count; i += table->column_count) {
		size_t needed = display_width(table->cells[i]) + PADDING;
		width = needed > width ? needed : width;
	}
	return width;
}

void table_print(const struct table *table)
{
	cleanup_free size_t *widths = allocate_array(table->column_count, sizeof *widths);
	if (table->column_count == 0)
		return;
	for (size_t column = 0; column < table->column_count; column++)
		widths[column] = column_width(table, column);
	for (size_t i = 0; i < table->cell_count; i++) {
		size_t column = i % table->column_count;
		fputs(table->cells[i], stdout);
		/* Like Docker's, the last column is not padded. */
		if (column + 1 == table->column_count)
			putchar('\n');
		else
			printf("%*s", (int)(widths[column] - display_width(table->cells[i])), "");
	}
}

void table_release(struct table *table)
{
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = (struct table){0};
}
