#include "cli/table.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/memory.h"

#define MINIMUM_WIDTH 10
#define PADDING	      3

struct cell {
	const char *text;
	size_t length; /* bytes */
	size_t width;  /* characters: continuation bytes of UTF-8 take no room */
	bool is_last;  /* of its row */
};

/* The cell that begins at `text`; returns where the next one does. */
static const char *read_cell(const char *text, struct cell *ret_cell)
{
	const char *end = text;
	size_t width = 0;
	for (; *end && *end != '\t' && *end != '\n'; end++)
		width += (*end & 0xc0) != 0x80;
	*ret_cell = (struct cell){text, (size_t)(end - text), width, *end != '\t'};
	return *end ? end + 1 : end;
}

static size_t count_cells(const char *row)
{
	size_t count = 1;
	for (; *row && *row != '\n'; row++)
		count += *row == '\t';
	return count;
}

/* Widens the columns by the rows that have `columns` cells; returns what follows them. */
static const char *measure(const char *text, size_t columns, size_t *widths)
{
	while (*text && count_cells(text) == columns) {
		struct cell cell;
		size_t column = 0;
		do {
			text = read_cell(text, &cell);
			if (cell.width + PADDING > widths[column])
				widths[column] = cell.width + PADDING;
			column++;
		} while (!cell.is_last);
	}
	return text;
}

static void pad(size_t width)
{
	static const char spaces[] = "                                ";
	for (; width >= sizeof spaces; width -= sizeof spaces - 1)
		fwrite(spaces, 1, sizeof spaces - 1, stdout);
	fwrite(spaces, 1, width, stdout);
}

void table_print(const char *text)
{
	while (*text) {
		size_t columns = count_cells(text);
		cleanup_free size_t *widths = allocate_array(columns, sizeof *widths);
		for (size_t i = 0; i < columns; i++)
			widths[i] = MINIMUM_WIDTH;
		const char *end = measure(text, columns, widths);
		for (size_t column = 0; text < end;) {
			struct cell cell;
			text = read_cell(text, &cell);
			fwrite(cell.text, 1, cell.length, stdout);
			/* Like Docker's, the last column is not padded. */
			if (cell.is_last)
				putchar('\n');
			else
				pad(widths[column] - cell.width);
			column = cell.is_last ? 0 : column + 1;
		}
	}
}
