/* Tables as Docker prints them: columns as wide as their widest cell plus three spaces, and ten at least. */
#pragma once

#include <stddef.h>

struct table {
	size_t column_count;
	char **cells; /* row after row; owned */
	size_t cell_count;
};

void table_init(struct table *table, size_t column_count);
/* Copies; NULL is "". Cells come row by row, the header first. */
void table_add(struct table *table, const char *cell);
void table_add_format(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* To standard output. */
void table_print(const struct table *table);
void table_release(struct table *table);
#define cleanup_table __attribute__((cleanup(table_release)))
