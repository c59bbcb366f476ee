/*
 * --format of every command that prints rows: Docker's "table …", "json", or a template for each row, over columns that
 * the command describes once.
 *
 *     static const struct format_column columns[] = {{"ID", "CONTAINER ID", id_text}, …, {NULL}};
 *     const struct format_rows rows = {.type_name = "*formatter.ContainerContext", .columns = columns,
 *                                      .rows = views.items, .count = views.count, .row_size = sizeof *views.items};
 *     return format_print(&rows, format ? format : "table {{.ID}}\t{{.Names}}", err);
 *
 * Nothing is printed where any row fails. Messages are Docker's: "template parsing error: template: :1:2: …".
 */
#pragma once

#include "cli/template.h"

struct format_column {
	const char *name;   /* "ID", of {{.ID}} */
	const char *header; /* "CONTAINER ID" */
	/* The cell, owned by the caller. */
	char *(*text)(const void *row, const void *context);
};

struct format_rows {
	const char *type_name;		     /* as Go has it, for messages */
	const struct format_column *columns; /* ends with a NULL name */
	/* The labels of a row ("KEY=VALUE"), for {{.Label "key"}}; NULL: rows have none. */
	const struct string_list *(*labels)(const void *row);
	const void *context; /* handed to `text` */
	const void *rows;
	size_t count, row_size;
};

int format_print(const struct format_rows *rows, const char *format, struct error *err);
/* The rows as an array of objects that have all columns; owned by the caller. */
json_t *format_rows_json(const struct format_rows *rows);
/* One document through a template, with a newline behind; "json" is its JSON. For `info`, `version`, `inspect`. */
int format_print_document(const json_t *document, const struct template_type *type, const char *format,
			  struct error *err);
