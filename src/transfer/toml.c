#include "transfer/toml.h"

#include <string.h>

#include "base/buffer.h"

#define BARE "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

/* Between `at` and `end` is what is not read yet; *end is NUL. */
struct parser {
	const char *at;
	const char *end;
	size_t line;
	const struct toml_reader *reader;
};

static void toml_value_release(struct toml_value *value)
{
	free(value->text);
	string_list_release(&value->strings);
}
#define cleanup_toml_value CLEANUP(toml_value_release)

static void skip_blanks(struct parser *parser)
{
	parser->at += strspn(parser->at, " \t");
}

static bool at_line_end(const struct parser *parser)
{
	return parser->at == parser->end || parser->at[0] == '\n' || (parser->at[0] == '\r' && parser->at[1] == '\n');
}

/* Past a comment, if there is one, and the line's end. */
static int end_line(struct parser *parser, struct error *err)
{
	skip_blanks(parser);
	if (*parser->at == '#')
		while (!at_line_end(parser)) {
			if ((unsigned char)*parser->at < 0x20 && *parser->at != '\t')
				return error_set(err, ERROR_INVALID, "a control character in a comment");
			parser->at++;
		}
	if (!at_line_end(parser))
		return error_set(err, ERROR_INVALID, "something is left at the end of the line: %.40s", parser->at);
	if (parser->at < parser->end) {
		parser->at += *parser->at == '\r' ? 2 : 1;
		parser->line++;
	}
	return 0;
}

static int append_utf8(struct buffer *text, uint32_t point, struct error *err)
{
	char bytes[4];
	size_t size;
	if (point == 0 || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
		return error_set(err, ERROR_INVALID, "\\u names no character");
	if (point < 0x80) {
		bytes[0] = (char)point;
		size = 1;
	} else if (point < 0x800) {
		bytes[0] = (char)(0xc0 | point >> 6);
		size = 2;
	} else if (point < 0x10000) {
		bytes[0] = (char)(0xe0 | point >> 12);
		size = 3;
	} else {
		bytes[0] = (char)(0xf0 | point >> 18);
		size = 4;
	}
	for (size_t i = 1; i < size; i++)
		bytes[i] = (char)(0x80 | (point >> 6 * (size - 1 - i) & 0x3f));
	return buffer_append(text, bytes, size, err);
}

/* Behind "\u" or "\U". */
static int read_point(struct parser *parser, size_t digits, struct buffer *text, struct error *err)
{
	uint32_t point = 0;
	for (size_t i = 0; i < digits; i++, parser->at++) {
		static const char hex[] = "0123456789abcdefABCDEF";
		const char *digit = *parser->at ? strchr(hex, *parser->at) : NULL;
		if (!digit)
			return error_set(err, ERROR_INVALID, "\\u wants %zu hexadecimal digits", digits);
		size_t number = (size_t)(digit - hex);
		point = point << 4 | (uint32_t)(number < 16 ? number : number - 6);
	}
	return append_utf8(text, point, err);
}

/* Behind the backslash. */
static int read_escape(struct parser *parser, struct buffer *text, struct error *err)
{
	static const char names[] = "btnfr\"\\";
	static const char meanings[] = "\b\t\n\f\r\"\\";
	char name = *parser->at;
	const char *found = name ? strchr(names, name) : NULL;
	if (!found && name != 'u' && name != 'U')
		return error_set(err, ERROR_INVALID, "a backslash before something that it does not escape");
	parser->at++;
	if (found)
		return buffer_append(text, &meanings[found - names], 1, err);
	return read_point(parser, name == 'u' ? 4 : 8, text, err);
}

static int read_string(struct parser *parser, char **ret_text, struct error *err)
{
	char quote = *parser->at++;
	if (parser->at[0] == quote && parser->at[1] == quote)
		return error_set(err, ERROR_UNSUPPORTED, "a string of several lines is not read here");
	cleanup_buffer struct buffer text = BUFFER_INIT(TOML_TEXT_LIMIT);
	while (*parser->at != quote) {
		if (at_line_end(parser))
			return error_set(err, ERROR_INVALID, "a string is not closed");
		unsigned char byte = (unsigned char)*parser->at;
		if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
			return error_set(err, ERROR_INVALID, "a control character in a string");
		parser->at++;
		if (byte == '\\' && quote == '"') {
			if (read_escape(parser, &text, err) < 0)
				return -1;
		} else if (buffer_append(&text, &byte, 1, err) < 0) {
			return error_wrap(err, "a string");
		}
	}
	parser->at++;
	*ret_text = buffer_steal(&text);
	return 0;
}

static int read_bare(struct parser *parser, const char *allowed, char **ret_text, struct error *err)
{
	size_t length = strspn(parser->at, allowed);
	if (length == 0)
		return error_set(err, ERROR_INVALID, "a name is expected here: %.40s", parser->at);
	if (length > TOML_TEXT_LIMIT)
		return error_set(err, ERROR_LIMIT, "a name has more than %zu bytes", TOML_TEXT_LIMIT);
	*ret_text = duplicate_bytes(parser->at, length);
	parser->at += length;
	return 0;
}

/* Blanks, comments and lines between the items of an array. */
static int skip_lines(struct parser *parser, struct error *err)
{
	for (;;) {
		skip_blanks(parser);
		if (parser->at == parser->end)
			return error_set(err, ERROR_INVALID, "an array is not closed");
		if (*parser->at != '#' && !at_line_end(parser))
			return 0;
		if (end_line(parser, err) < 0)
			return -1;
	}
}

static int read_array(struct parser *parser, struct string_list *strings, struct error *err)
{
	parser->at++;
	for (;;) {
		if (skip_lines(parser, err) < 0)
			return -1;
		if (*parser->at == ']')
			break;
		if (*parser->at != '"' && *parser->at != '\'')
			return error_set(err, ERROR_UNSUPPORTED,
					 "only strings are read in an array here, not: %.40s. A registry's mirrors are "
					 "written as [[registry.mirror]]",
					 parser->at);
		if (strings->count == TOML_ARRAY_LIMIT)
			return error_set(err, ERROR_LIMIT, "an array has more than %d items", TOML_ARRAY_LIMIT);
		char *text;
		if (read_string(parser, &text, err) < 0)
			return -1;
		string_list_take(strings, text);
		if (skip_lines(parser, err) < 0)
			return -1;
		if (*parser->at == ',')
			parser->at++;
		else if (*parser->at != ']')
			return error_set(err, ERROR_INVALID, "a comma is missing in an array");
	}
	parser->at++;
	return 0;
}

static int read_integer(const char *word, int64_t *ret_integer, struct error *err)
{
	const char *digits = word + (*word == '-' || *word == '+');
	size_t length = strlen(digits);
	if (length == 0 || length > 18 || strspn(digits, "0123456789") != length || (*digits == '0' && length > 1))
		return error_set(err, ERROR_UNSUPPORTED, "a string, true, false or an integer is expected, not %.40s",
				 word);
	int64_t integer = 0;
	for (const char *at = digits; *at; at++)
		integer = integer * 10 + (*at - '0');
	*ret_integer = *word == '-' ? -integer : integer;
	return 0;
}

static int read_value(struct parser *parser, struct toml_value *value, struct error *err)
{
	switch (*parser->at) {
	case '"':
	case '\'':
		value->type = TOML_STRING;
		return read_string(parser, &value->text, err);
	case '[':
		value->type = TOML_ARRAY;
		return read_array(parser, &value->strings, err);
	case '{':
		return error_set(err, ERROR_UNSUPPORTED, "a table in braces is not read here: write it as [table]");
	default:
		break;
	}
	cleanup_free char *word = NULL;
	if (read_bare(parser, BARE "+.:", &word, err) < 0)
		return error_wrap(err, "a value");
	value->type = TOML_BOOLEAN;
	value->boolean = strcmp(word, "true") == 0;
	if (value->boolean || strcmp(word, "false") == 0)
		return 0;
	value->type = TOML_INTEGER;
	return read_integer(word, &value->integer, err);
}

static int read_pair(struct parser *parser, struct error *err)
{
	cleanup_free char *key = NULL;
	cleanup_toml_value struct toml_value value = {0};
	int outcome = *parser->at == '"' || *parser->at == '\'' ? read_string(parser, &key, err)
								: read_bare(parser, BARE, &key, err);
	if (outcome < 0)
		return -1;
	skip_blanks(parser);
	if (*parser->at == '.')
		return error_set(err, ERROR_UNSUPPORTED, "a key with dots is not read here: write it below a [table]");
	if (*parser->at != '=')
		return error_set(err, ERROR_INVALID, "\"%.60s\" has no = behind it", key);
	parser->at++;
	skip_blanks(parser);
	if (read_value(parser, &value, err) < 0)
		return error_wrap(err, "%.60s", key);
	return parser->reader->on_value(parser->reader->context, key, &value, err);
}

/* The parts of "[a . b]" are joined by a dot. */
static int read_table(struct parser *parser, struct error *err)
{
	cleanup_buffer struct buffer name = BUFFER_INIT(TOML_TEXT_LIMIT);
	bool is_array = parser->at[1] == '[';
	parser->at += is_array ? 2 : 1;
	for (;;) {
		cleanup_free char *part = NULL;
		skip_blanks(parser);
		if (read_bare(parser, BARE, &part, err) < 0 || buffer_append_string(&name, part, err) < 0)
			return error_wrap(err, "a table's name");
		skip_blanks(parser);
		if (*parser->at != '.')
			break;
		parser->at++;
		if (buffer_append(&name, ".", 1, err) < 0)
			return error_wrap(err, "a table's name");
	}
	if (parser->at[0] != ']' || (is_array && parser->at[1] != ']'))
		return error_set(err, ERROR_INVALID, "a table's name is not closed");
	parser->at += is_array ? 2 : 1;
	return parser->reader->on_table(parser->reader->context, buffer_text(&name), is_array, err);
}

static int read_line(struct parser *parser, struct error *err)
{
	skip_blanks(parser);
	if (!at_line_end(parser) && *parser->at != '#') {
		int outcome = *parser->at == '[' ? read_table(parser, err) : read_pair(parser, err);
		if (outcome < 0)
			return -1;
	}
	return end_line(parser, err);
}

int toml_read(const char *text, size_t size, const struct toml_reader *reader, struct error *err)
{
	if (size > TOML_SIZE_LIMIT)
		return error_set(err, ERROR_LIMIT, "the file has more than %zu bytes", TOML_SIZE_LIMIT);
	if (memchr(text, '\0', size))
		return error_set(err, ERROR_INVALID, "the file holds a NUL");
	cleanup_free char *copy = duplicate_bytes(text, size); /* ends in a NUL */
	struct parser parser = {.at = copy, .end = copy + size, .line = 1, .reader = reader};
	while (parser.at < parser.end)
		if (read_line(&parser, err) < 0)
			return error_wrap(err, "line %zu", parser.line);
	return 0;
}
