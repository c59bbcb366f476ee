#include "cli/format.h"

#include <string.h>

#include "cli/table.h"

#define TABLE_WORD "table"

struct row {
	const struct format_rows *rows;
	const void *row; /* NULL: the header */
};

static const struct format_column *find_column(const struct format_rows *rows, const char *name)
{
	for (const struct format_column *column = rows->columns; column->name; column++)
		if (strcmp(column->name, name) == 0)
			return column;
	return NULL;
}

static json_t *text_value(char *owned)
{
	json_t *value = json_string_nocheck(owned);
	free(owned);
	return value;
}

/* The title of a column of one label: the last part of its name, in words. */
static json_t *label_title(const char *name)
{
	const char *dot = strrchr(name, '.');
	char *title = duplicate_string(dot ? dot + 1 : name);
	for (char *at = title; *at; at++)
		if (*at == '-' || *at == '_')
			*at = ' ';
	return text_value(title);
}

static json_t *row_member(const void *object, const char *name, const char *argument)
{
	const struct row *row = object;
	if (argument) {
		if (strcmp(name, "Label") != 0 || !row->rows->labels)
			return NULL;
		if (!row->row)
			return label_title(argument);
		const char *value = string_list_get_key(row->rows->labels(row->row), argument);
		return json_string_nocheck(value ? value : "");
	}
	const struct format_column *column = find_column(row->rows, name);
	if (!row->row)
		return json_string(column ? column->header : "<no value>");
	return column ? text_value(column->text(row->row, row->rows->context)) : NULL;
}

static bool row_print(const void *object, const char *name, struct buffer *output)
{
	const struct row *row = object;
	const struct format_column *column = find_column(row->rows, name);
	if (!column)
		return false;
	cleanup_free char *text = row->row ? column->text(row->row, row->rows->context) : NULL;
	return buffer_append_string(output, text ? text : column->header, NULL) == 0;
}

static json_t *row_all(const void *object)
{
	const struct row *row = object;
	json_t *all = json_object();
	for (const struct format_column *column = row->rows->columns; column->name; column++)
		json_object_set_new_nocheck(all, column->name, row_member(object, column->name, NULL));
	return all;
}

json_t *format_rows_json(const struct format_rows *rows)
{
	json_t *array = json_array();
	for (size_t i = 0; i < rows->count; i++) {
		const struct row row = {rows, (const char *)rows->rows + i * rows->row_size};
		json_array_append_new(array, row_all(&row));
	}
	return array;
}

/* "\t" and "\n" as people type them in a shell become what they mean. */
static char *unescape(const char *format)
{
	char *text = duplicate_string(format), *to = text;
	for (const char *from = format; *from;) {
		if (from[0] == '\\' && (from[1] == 't' || from[1] == 'n')) {
			*to++ = from[1] == 't' ? '\t' : '\n';
			from += 2;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
	return text;
}

static bool is_table(const char *format)
{
	return strncmp(format, TABLE_WORD, strlen(TABLE_WORD)) == 0;
}

static char *prepare(const char *format)
{
	if (strcmp(format, "json") == 0)
		return duplicate_string("{{json .}}");
	if (is_table(format))
		format += strlen(TABLE_WORD);
	format += strspn(format, " ");
	char *text = unescape(format);
	for (size_t length = strlen(text); length > 0 && text[length - 1] == ' ';)
		text[--length] = '\0';
	return text;
}

static int render(const struct template *template, const struct format_rows *rows, const void *one,
		  struct buffer *output, struct error *err)
{
	const struct template_object_type type = {rows->type_name, row_member, row_all, row_print};
	const struct row row = {rows, one};
	const struct template_input input = {.object_type = &type, .object = &row, .is_header = !one};
	if (template_execute(template, &input, output, err) < 0 || buffer_append_string(output, "\n", err) < 0)
		return error_wrap(err, "template parsing error");
	return 0;
}

int format_print(const struct format_rows *rows, const char *format, struct error *err)
{
	cleanup_template struct template *template = NULL;
	cleanup_buffer struct buffer output = BUFFER_INIT(TEMPLATE_OUTPUT_LIMIT);
	cleanup_free char *text = prepare(format);
	if (template_parse(text, &template, err) < 0)
		return error_wrap(err, "template parsing error");
	if (is_table(format) && render(template, rows, NULL, &output, err) < 0)
		return -1;
	for (size_t i = 0; i < rows->count; i++)
		if (render(template, rows, (const char *)rows->rows + i * rows->row_size, &output, err) < 0)
			return -1;
	if (is_table(format))
		table_print(buffer_text(&output));
	else
		fwrite(buffer_text(&output), 1, output.size, stdout);
	return 0;
}

int format_print_document(const json_t *document, const struct template_type *type, const char *format,
			  struct error *err)
{
	cleanup_template struct template *template = NULL;
	cleanup_buffer struct buffer output = BUFFER_INIT(TEMPLATE_OUTPUT_LIMIT);
	const struct template_input input = {.json = (json_t *)document, .type = type};
	if (template_parse(strcmp(format, "json") == 0 ? "{{json .}}" : format, &template, err) < 0 ||
	    template_execute(template, &input, &output, err) < 0)
		return error_wrap(err, "template parsing error");
	printf("%s\n", buffer_text(&output));
	return 0;
}
