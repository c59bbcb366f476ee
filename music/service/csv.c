#include "csv.h"

#include <stdbool.h>

struct writer {
	struct csv_record *record;
	size_t used;
};

static bool put(struct writer *writer, char c)
{
	if (writer->used == sizeof writer->record->text)
		return false;
	writer->record->text[writer->used++] = c;
	return true;
}

static bool begin_field(struct writer *writer)
{
	if (writer->record->count == CSV_FIELD_LIMIT)
		return false;
	writer->record->fields[writer->record->count++] = writer->record->text + writer->used;
	return true;
}

/* The field behind an opening quote, up to and with its closing one. */
static const char *read_quoted(FILE *file, struct writer *writer, unsigned long *line)
{
	for (;;) {
		int c = getc_unlocked(file);
		if (c == EOF)
			return "a quote is not closed";
		if (c == '\n')
			(*line)++;
		if (c == '"') {
			c = getc_unlocked(file);
			if (c != '"') {
				ungetc(c, file);
				return NULL;
			}
		}
		if (c == '\0')
			return "a NUL byte";
		if (!put(writer, (char)c))
			return "the record is too long";
	}
}

static enum csv_result fail(const char **ret_problem, const char *problem)
{
	*ret_problem = problem;
	return CSV_ERROR;
}

enum csv_result csv_read(FILE *file, struct csv_record *record, unsigned long *line, const char **ret_problem)
{
	struct writer writer = {record, 0};
	record->count = 0;
	int c = getc_unlocked(file);
	if (c == EOF)
		return CSV_END;
	begin_field(&writer);
	bool at_start = true;
	for (;; c = getc_unlocked(file)) {
		if (c == '"' && at_start) {
			const char *problem = read_quoted(file, &writer, line);
			if (problem)
				return fail(ret_problem, problem);
			at_start = false;
			continue;
		}
		if (c == '\r') {
			int next = getc_unlocked(file);
			if (next != '\n')
				ungetc(next, file);
			else
				c = '\n';
		}
		bool ends = c == ',' || c == '\n' || c == EOF;
		if (c == '\0')
			return fail(ret_problem, "a NUL byte");
		if (!put(&writer, ends ? '\0' : (char)c))
			return fail(ret_problem, "the record is too long");
		at_start = c == ',';
		if (c == ',' && !begin_field(&writer))
			return fail(ret_problem, "more than 16 fields");
		if (c == '\n' || c == EOF) {
			*line += c == '\n';
			return CSV_RECORD;
		}
	}
}
