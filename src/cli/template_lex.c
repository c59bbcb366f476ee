/* The words of a template: text, and what stands between {{ and }}. */
#include <ctype.h>
#include <string.h>

#include "base/memory.h"
#include "cli/template_tree.h"

struct lexer {
	const char *text;
	size_t at;
	struct token_list *tokens;
	int parentheses;
};

static void emit(struct lexer *lexer, enum token_kind kind, size_t length)
{
	struct token_list *list = lexer->tokens;
	/* Doubled whenever the count is a power of two: a template may be all tokens. */
	if ((list->count & (list->count - 1)) == 0)
		list->items = reallocate_array(list->items, list->count ? 2 * list->count : 1, sizeof *list->items);
	list->items[list->count++] = (struct token){.kind = kind, .at = lexer->at, .length = length};
	lexer->at += length;
}

static bool fail(struct lexer *lexer, const char *message)
{
	snprintf(lexer->tokens->message, sizeof lexer->tokens->message, "%s", message);
	emit(lexer, TOKEN_ERROR, 0);
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Letters beyond ASCII are taken as such. */
static bool is_word_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static size_t word_length(const char *text)
{
	size_t length = 0;
	while (is_word_byte(text[length]))
		length++;
	return length;
}

static bool is_trim_left(const char *behind_braces)
{
	return behind_braces[0] == '-' && is_blank(behind_braces[1]);
}

static bool is_trim_right(const char *text)
{
	return is_blank(text[0]) && text[1] == '-' && text[2] == '}' && text[3] == '}';
}

static void skip_blanks(struct lexer *lexer)
{
	while (is_blank(lexer->text[lexer->at]))
		lexer->at++;
}

/* Up to "{{" or the end; the comment that may follow is left out too. Returns whether an action begins. */
static bool lex_text(struct lexer *lexer)
{
	for (;;) {
		const char *text = lexer->text + lexer->at;
		const char *left = strstr(text, "{{");
		size_t length = left ? (size_t)(left - text) : strlen(text);
		size_t shown = length;
		if (left && is_trim_left(left + 2))
			while (shown > 0 && is_blank(text[shown - 1]))
				shown--;
		size_t end = lexer->at + length;
		if (shown > 0)
			emit(lexer, TOKEN_TEXT, shown);
		lexer->at = end;
		if (!left) {
			emit(lexer, TOKEN_END, 0);
			return false;
		}
		size_t skip = is_trim_left(left + 2) ? 4 : 2;
		if (strncmp(left + skip, "/*", 2) != 0) {
			emit(lexer, TOKEN_LEFT, 2);
			if (skip == 4)
				lexer->at += 2;
			return true;
		}
		const char *close = strstr(left + skip + 2, "*/");
		if (!close)
			return fail(lexer, "unclosed comment");
		close += 2;
		if (is_trim_right(close)) {
			lexer->at = (size_t)(close - lexer->text) + 4;
			skip_blanks(lexer);
		} else if (strncmp(close, "}}", 2) == 0) {
			lexer->at = (size_t)(close - lexer->text) + 2;
		} else {
			return fail(lexer, "comment ends before closing delimiter");
		}
	}
}

static bool lex_quoted(struct lexer *lexer, char quote, enum token_kind kind, const char *message)
{
	const char *text = lexer->text + lexer->at;
	size_t length = 1;
	while (text[length] && text[length] != quote && (text[length] != '\n' || quote == '`')) {
		if (text[length] == '\\' && quote != '`' && text[length + 1] && text[length + 1] != '\n')
			length++;
		length++;
	}
	if (text[length] != quote)
		return fail(lexer, message);
	emit(lexer, kind, length + 1);
	return true;
}

static bool lex_number(struct lexer *lexer)
{
	const char *text = lexer->text + lexer->at;
	size_t length = text[0] == '+' || text[0] == '-';
	bool is_hexadecimal = text[length] == '0' && (text[length + 1] | 0x20) == 'x';
	while (isalnum((unsigned char)text[length]) || text[length] == '.' || text[length] == '_' ||
	       ((text[length] == '+' || text[length] == '-') && !is_hexadecimal && length > 0 &&
		(text[length - 1] | 0x20) == 'e'))
		length++;
	emit(lexer, TOKEN_NUMBER, length);
	return true;
}

static bool lex_name(struct lexer *lexer, enum token_kind kind, size_t prefix)
{
	const char *text = lexer->text + lexer->at;
	size_t length = prefix + word_length(text + prefix);
	static const char ends[] = " \t\r\n.,|:()=";
	bool ends_well = text[length] == '\0' || strchr(ends, text[length]) || strncmp(text + length, "}}", 2) == 0;
	if (!ends_well) {
		char message[64];
		snprintf(message, sizeof message, "bad character U+%04X '%c'", (unsigned char)text[length],
			 isprint((unsigned char)text[length]) ? text[length] : '?');
		return fail(lexer, message);
	}
	emit(lexer, kind, length);
	return true;
}

static bool lex_other(struct lexer *lexer)
{
	const char *text = lexer->text + lexer->at;
	switch (text[0]) {
	case '"':
		return lex_quoted(lexer, '"', TOKEN_STRING, "unterminated quoted string");
	case '`':
		return lex_quoted(lexer, '`', TOKEN_RAW_STRING, "unterminated raw quoted string");
	case '\'':
		return lex_quoted(lexer, '\'', TOKEN_CHARACTER, "unterminated character constant");
	case '$':
		return lex_name(lexer, TOKEN_VARIABLE, 1);
	case '.':
		if (isdigit((unsigned char)text[1]))
			return lex_number(lexer);
		return lex_name(lexer, is_word_byte(text[1]) ? TOKEN_FIELD : TOKEN_DOT, 1);
	default:
		break;
	}
	if (isdigit((unsigned char)text[0]) || ((text[0] == '+' || text[0] == '-') && text[1]))
		return lex_number(lexer);
	if (is_word_byte(text[0]))
		return lex_name(lexer, TOKEN_WORD, 0);
	char message[64];
	snprintf(message, sizeof message, "unrecognized character in action: U+%04X '%c'", (unsigned char)text[0],
		 isprint((unsigned char)text[0]) ? text[0] : '?');
	return fail(lexer, message);
}

/* One token inside of an action. */
static bool lex_inside(struct lexer *lexer)
{
	const char *text = lexer->text + lexer->at;
	size_t blanks = strspn(text, " \t\r\n");
	if (blanks > 0) {
		/* The blank before "-}}" belongs to it. */
		if (is_trim_right(text + blanks - 1))
			blanks--;
		emit(lexer, TOKEN_SPACE, blanks); /* never of none: lex_action() has looked for " -}}" here */
		return true;
	}
	switch (text[0]) {
	case '\0':
		return fail(lexer, "unclosed action");
	case '=':
		emit(lexer, TOKEN_ASSIGN, 1);
		return true;
	case ':':
		if (text[1] != '=')
			return fail(lexer, "expected :=");
		emit(lexer, TOKEN_DECLARE, 2);
		return true;
	case '|':
		emit(lexer, TOKEN_PIPE, 1);
		return true;
	case ',':
		emit(lexer, TOKEN_COMMA, 1);
		return true;
	case '(':
		emit(lexer, TOKEN_OPEN, 1);
		lexer->parentheses++;
		return true;
	case ')':
		if (--lexer->parentheses < 0)
			return fail(lexer, "unexpected right paren");
		emit(lexer, TOKEN_CLOSE, 1);
		return true;
	default:
		return lex_other(lexer);
	}
}

/* Returns whether text goes on behind "}}". */
static bool lex_action(struct lexer *lexer)
{
	lexer->parentheses = 0;
	for (;;) {
		const char *text = lexer->text + lexer->at;
		bool trims = is_trim_right(text);
		if (trims || strncmp(text, "}}", 2) == 0) {
			if (lexer->parentheses > 0)
				return fail(lexer, "unclosed left paren");
			if (trims)
				lexer->at += 2;
			emit(lexer, TOKEN_RIGHT, 2);
			if (trims)
				skip_blanks(lexer);
			return true;
		}
		if (!lex_inside(lexer))
			return false;
	}
}

void template_lex(const char *text, struct token_list *ret_tokens)
{
	struct lexer lexer = {.text = text, .tokens = ret_tokens};
	*ret_tokens = (struct token_list){0};
	while (lex_text(&lexer) && lex_action(&lexer))
		;
}
