#include "cli/json_indent.h"

#include <stdio.h>
#include <stdlib.h>

struct writer {
	FILE *file;
	const char *indent;
};

static void new_line(const struct writer *writer, int depth)
{
	fputc('\n', writer->file);
	for (int i = 0; i < depth; i++)
		fputs(writer->indent, writer->file);
}

static void write_scalar(const struct writer *writer, const json_t *value)
{
	cleanup_free char *text = json_text(value);
	fputs(text, writer->file);
}

/* As deep as json_parse() lets anything be. */
static void write_value(const struct writer *writer, const json_t *value, int depth)
{
	size_t count = json_is_array(value) ? json_array_size(value) : json_object_size(value);
	if (!json_is_array(value) && !json_is_object(value)) {
		write_scalar(writer, value);
		return;
	}
	fputc(json_is_array(value) ? '[' : '{', writer->file);
	for (size_t i = 0; json_is_array(value) && i < count; i++) {
		new_line(writer, depth + 1);
		write_value(writer, json_array_get(value, i), depth + 1);
		if (i + 1 < count)
			fputc(',', writer->file);
	}
	const char *name;
	json_t *member;
	size_t i = 0;
	json_object_foreach((json_t *)value, name, member)
	{
		cleanup_json json_t *key = json_string(name);
		new_line(writer, depth + 1);
		write_scalar(writer, key);
		fputs(": ", writer->file);
		write_value(writer, member, depth + 1);
		if (++i < count)
			fputc(',', writer->file);
	}
	if (count > 0)
		new_line(writer, depth);
	fputc(json_is_array(value) ? ']' : '}', writer->file);
}

char *json_indent(const json_t *value, const char *indent)
{
	char *text = NULL;
	size_t size = 0;
	struct writer writer = {open_memstream(&text, &size), indent};
	if (!writer.file)
		abort();
	write_value(&writer, value, 0);
	if (fclose(writer.file) != 0)
		abort();
	return text;
}
