#include "build/lexer.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "build/words.h"

struct lexer {
	const char *at;
	const char *end;
	unsigned line; /* of what was read last */
	char escape;
	bool saw_escape, saw_syntax, saw_check;
	char *check; /* owned */
};

struct span {
	const char *start;
	size_t length;
};

void heredocs_release(struct heredoc *heredocs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(heredocs[i].name);
		free(heredocs[i].content);
	}
	free(heredocs);
}

void dockerfile_lines_release(struct dockerfile_lines *lines)
{
	for (size_t i = 0; i < lines->count; i++) {
		free(lines->items[i].text);
		heredocs_release(lines->items[i].heredocs, lines->items[i].heredoc_count);
	}
	free(lines->items);
	free(lines->check);
	*lines = (struct dockerfile_lines){0};
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* The next physical line without its end; `whole` includes it. */
static bool next_line(struct lexer *lexer, struct span *ret_line, struct span *ret_whole)
{
	if (lexer->at == lexer->end)
		return false;
	const char *start = lexer->at;
	const char *newline = memchr(start, '\n', (size_t)(lexer->end - start));
	lexer->at = newline ? newline + 1 : lexer->end;
	lexer->line++;
	if (ret_whole)
		*ret_whole = (struct span){start, (size_t)(lexer->at - start)};
	const char *stop = newline ? newline : lexer->end;
	if (stop > start && stop[-1] == '\r')
		stop--;
	*ret_line = (struct span){start, (size_t)(stop - start)};
	return true;
}

static struct span trim_left(struct span text)
{
	while (text.length && is_blank(text.start[0])) {
		text.start++;
		text.length--;
	}
	return text;
}

static struct span trim(struct span text)
{
	text = trim_left(text);
	while (text.length && is_blank(text.start[text.length - 1]))
		text.length--;
	return text;
}

/* `# NAME = VALUE`; false where the line is anything else. */
static bool split_directive(struct span line, struct span *ret_name, struct span *ret_value)
{
	line = trim(line);
	if (!line.length || line.start[0] != '#')
		return false;
	line.start++;
	line.length--;
	line = trim_left(line);
	size_t name = 0;
	while (name < line.length && isalnum((unsigned char)line.start[name]))
		name++;
	if (name == 0 || !isalpha((unsigned char)line.start[0]))
		return false;
	*ret_name = (struct span){line.start, name};
	struct span rest = trim_left((struct span){line.start + name, line.length - name});
	if (!rest.length || rest.start[0] != '=')
		return false;
	*ret_value = trim((struct span){rest.start + 1, rest.length - 1});
	return ret_value->length > 0;
}

static bool span_is(struct span text, const char *word)
{
	return text.length == strlen(word) && strncasecmp(text.start, word, text.length) == 0;
}

/* 1: it was a directive, 0: directives are over. */
static int read_directive(struct lexer *lexer, struct span line, struct error *err)
{
	struct span name, value;
	if (!split_directive(line, &name, &value))
		return 0;
	bool *seen = span_is(name, "escape")   ? &lexer->saw_escape
		     : span_is(name, "syntax") ? &lexer->saw_syntax
		     : span_is(name, "check")  ? &lexer->saw_check
					       : NULL;
	if (!seen)
		return 0;
	if (*seen)
		return error_set(err, ERROR_INVALID, "only one %.*s parser directive can be used", (int)name.length,
				 name.start);
	*seen = true;
	if (seen == &lexer->saw_check)
		lexer->check = duplicate_bytes(value.start, value.length);
	if (seen != &lexer->saw_escape)
		return 1;
	if (value.length != 1 || (value.start[0] != '\\' && value.start[0] != '`'))
		return error_set(err, ERROR_INVALID, "invalid escape token '%.*s' does not match ` or \\",
				 (int)(value.length > 32 ? 32 : value.length), value.start);
	lexer->escape = value.start[0];
	return 1;
}

/* Cuts a continuation off; true where the line ends here. */
static bool cut_continuation(char escape, struct span *line)
{
	size_t length = line->length;
	while (length && (line->start[length - 1] == ' ' || line->start[length - 1] == '\t'))
		length--;
	if (!length || line->start[length - 1] != escape || (length > 1 && line->start[length - 2] == escape))
		return true;
	line->length = length - 1;
	return false;
}

/*
 * Goes past one word, minding quotes and escapes; returns its end. Words that open heredocs are the shell's: '\\'
 * escapes in them whatever the Dockerfile's escape character is. *ret_quote is a quote that nothing closes, or 0.
 */
static const char *skip_word_quoted(const char *at, char *ret_quote)
{
	char quote = 0;
	for (; *at; at++) {
		if (quote) {
			if (*at == quote)
				quote = 0;
			else if (*at == '\\' && quote == '"' && at[1])
				at++;
		} else if (is_blank(*at)) {
			break;
		} else if (*at == '\'' || *at == '"') {
			quote = *at;
		} else if (*at == '\\' && at[1]) {
			at++;
		}
	}
	*ret_quote = quote;
	return at;
}

static const char *skip_word(const char *at)
{
	char quote;
	return skip_word_quoted(at, &quote);
}

/* Such a line opens no heredoc: what it means is the shell's to say. */
static bool leaves_quote_open(const char *at)
{
	char quote = 0;
	while (*at && !quote) {
		at = skip_word_quoted(at, &quote);
		at += *at != '\0';
	}
	return quote;
}

/* Whether the word opens a heredoc: [0-9]*<<-?NAME. */
static bool parse_heredoc_word(const char *word, size_t length, struct heredoc *ret_heredoc)
{
	const char *end = word + length;
	while (word < end && isdigit((unsigned char)*word))
		word++;
	if (end - word < 3 || word[0] != '<' || word[1] != '<')
		return false;
	word += 2;
	bool strip_tabs = *word == '-';
	if (strip_tabs)
		word++;
	if (word == end || memchr(word, '<', (size_t)(end - word)))
		return false;
	char *name = allocate((size_t)(end - word) + 1);
	size_t used = 0;
	char quote = 0;
	bool quoted = false;
	for (; word < end; word++) {
		if (quote && *word == quote) {
			quote = 0;
		} else if (!quote && (*word == '\'' || *word == '"')) {
			quote = *word;
			quoted = true;
		} else if (*word == '\\' && quote != '\'' && word + 1 < end) {
			name[used++] = *++word;
		} else {
			name[used++] = *word;
		}
	}
	if (quote || used == 0) {
		free(name);
		return false;
	}
	*ret_heredoc = (struct heredoc){.name = name, .expand = !quoted, .strip_tabs = strip_tabs};
	return true;
}

bool heredoc_is_word(const char *word)
{
	struct heredoc heredoc;
	if (!parse_heredoc_word(word, strlen(word), &heredoc))
		return false;
	free(heredoc.name);
	return true;
}

/* Where the arguments of RUN, COPY or ADD begin, flags left out; NULL for other instructions and for exec form. */
static const char *heredoc_arguments(const char *text)
{
	for (int nested = 0; nested < 2; nested++) {
		size_t length = strcspn(text, " \t");
		struct span word = {text, length};
		const char *rest = text + length + strspn(text + length, " \t");
		if (span_is(word, "RUN") || span_is(word, "COPY") || span_is(word, "ADD")) {
			while (rest[0] == '-' && rest[1] == '-') {
				rest = skip_word(rest);
				rest += strspn(rest, " \t");
			}
			cleanup_string_list struct string_list words = {0};
			return words_parse_json(rest, &words, NULL) ? NULL : rest;
		}
		if (!span_is(word, "ONBUILD"))
			return NULL;
		text = rest;
	}
	return NULL;
}

static int read_heredoc(struct lexer *lexer, struct heredoc *heredoc, struct error *err)
{
	cleanup_buffer struct buffer content = BUFFER_INIT(DOCKERFILE_SIZE_LIMIT);
	struct span line, whole;
	while (next_line(lexer, &line, &whole)) {
		if (heredoc->strip_tabs)
			while (whole.length && whole.start[0] == '\t') {
				whole.start++;
				whole.length--;
				if (line.length) {
					line.start++;
					line.length--;
				}
			}
		if (line.length == strlen(heredoc->name) && memcmp(line.start, heredoc->name, line.length) == 0) {
			heredoc->content = buffer_steal(&content);
			return 0;
		}
		if (buffer_append(&content, whole.start, whole.length, err) < 0)
			return -1;
	}
	return error_set(err, ERROR_INVALID, "unterminated heredoc");
}

static int read_heredocs(struct lexer *lexer, struct dockerfile_line *line, struct error *err)
{
	const char *at = strstr(line->text, "<<") ? heredoc_arguments(line->text) : NULL;
	if (!at || leaves_quote_open(at))
		return 0;
	while (*at) {
		const char *end = skip_word(at);
		struct heredoc heredoc;
		if (parse_heredoc_word(at, (size_t)(end - at), &heredoc)) {
			line->heredocs =
				reallocate_array(line->heredocs, line->heredoc_count + 1, sizeof *line->heredocs);
			line->heredocs[line->heredoc_count++] = heredoc;
			if (line->heredoc_count > DOCKERFILE_HEREDOC_LIMIT)
				return error_set(err, ERROR_LIMIT, "more than %d heredocs on one line",
						 DOCKERFILE_HEREDOC_LIMIT);
		}
		at = end;
		while (is_blank(*at))
			at++;
	}
	for (size_t i = 0; i < line->heredoc_count; i++)
		if (read_heredoc(lexer, &line->heredocs[i], err) < 0)
			return -1;
	return 0;
}

/* Joins the lines that continue `first` and takes in its heredocs. */
static int read_logical_line(struct lexer *lexer, struct span first, struct dockerfile_lines *lines, struct error *err)
{
	if (lines->count >= DOCKERFILE_LINE_LIMIT)
		return error_set(err, ERROR_LIMIT, "more than %d instructions", DOCKERFILE_LINE_LIMIT);
	cleanup_buffer struct buffer text = BUFFER_INIT(DOCKERFILE_SIZE_LIMIT);
	unsigned first_line = lexer->line;
	struct span part = trim_left(first);
	bool ends = cut_continuation(lexer->escape, &part), has_blank = false;
	if (buffer_append(&text, part.start, part.length, err) < 0)
		return -1;
	while (!ends && next_line(lexer, &part, NULL)) {
		struct span trimmed = trim(part);
		has_blank |= !trimmed.length;
		if (!trimmed.length || trimmed.start[0] == '#')
			continue;
		ends = cut_continuation(lexer->escape, &part);
		if (buffer_append(&text, part.start, part.length, err) < 0)
			return -1;
	}
	struct span whole = trim((struct span){buffer_text(&text), text.size});
	if (!whole.length)
		return 0;
	lines->items = reallocate_array(lines->items, lines->count + 1, sizeof *lines->items);
	struct dockerfile_line *line = &lines->items[lines->count++];
	*line = (struct dockerfile_line){.text = duplicate_bytes(whole.start, whole.length), .first_line = first_line};
	line->empty_continuation = has_blank ? lexer->line : 0;
	int result = read_heredocs(lexer, line, err);
	line->last_line = lexer->line;
	return result;
}

/* The rest of the file. */
static int read_lines(struct lexer *lexer, struct dockerfile_lines *lines, struct dockerfile_place *ret_place,
		      struct error *err)
{
	bool directives = true;
	struct span line;
	while (next_line(lexer, &line, NULL)) {
		ret_place->first = ret_place->last = lexer->line;
		if (directives) {
			int got = read_directive(lexer, line, err);
			if (got < 0)
				return -1;
			if (got == 1)
				continue;
			directives = false;
		}
		struct span trimmed = trim(line);
		if (!trimmed.length || trimmed.start[0] == '#')
			continue;
		if (read_logical_line(lexer, line, lines, err) < 0) {
			ret_place->last = lexer->line;
			return -1;
		}
	}
	*ret_place = (struct dockerfile_place){0};
	return lines->count ? 0 : error_set(err, ERROR_INVALID, "file with no instructions");
}

int dockerfile_lex(const char *bytes, size_t size, struct dockerfile_lines *ret_lines,
		   struct dockerfile_place *ret_place, struct error *err)
{
	*ret_place = (struct dockerfile_place){0};
	if (!size)
		return error_set(err, ERROR_INVALID, "the Dockerfile cannot be empty");
	if (size > DOCKERFILE_SIZE_LIMIT)
		return error_set(err, ERROR_LIMIT, "the Dockerfile is larger than %zu bytes", DOCKERFILE_SIZE_LIMIT);
	if (size && memchr(bytes, '\0', size))
		return error_set(err, ERROR_INVALID,
				 "the Dockerfile holds a zero byte: it must be plain text in UTF-8");
	struct lexer lexer = {.at = bytes, .end = bytes + size, .escape = '\\'};
	if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
		lexer.at += 3;
	cleanup_dockerfile_lines struct dockerfile_lines lines = {0};
	int result = read_lines(&lexer, &lines, ret_place, err);
	lines.escape = lexer.escape;
	lines.check = lexer.check;
	if (result < 0)
		return -1;
	*ret_lines = lines;
	lines = (struct dockerfile_lines){0};
	return 0;
}
