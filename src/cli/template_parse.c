/* From words to a tree, with Go's messages where they do not fit. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/template_tree.h"

struct parser {
	struct template *template;
	struct token_list tokens;
	size_t next;
	struct string_list variables; /* "$" and what is declared, innermost last */
	int depth, range_depth;
	struct error *err;
};

static void parser_release(struct parser *parser)
{
	free(parser->tokens.items);
	string_list_release(&parser->variables);
}

void node_free(struct node *node)
{
	if (!node)
		return;
	for (size_t i = 0; i < node->child_count; i++)
		node_free(node->children[i]);
	free(node->children);
	node_free(node->pipe);
	node_free(node->then);
	node_free(node->otherwise);
	string_list_release(&node->names);
	json_decref(node->literal);
	free(node->text);
	free(node);
}

static void node_release(struct node **node)
{
	node_free(*node);
}
#define cleanup_node CLEANUP(node_release)

static struct node *node_new(enum node_kind kind, size_t at)
{
	struct node *node = allocate(sizeof *node);
	node->kind = kind;
	node->at = at;
	return node;
}

static void node_add(struct node *node, struct node *child)
{
	node->children = reallocate_array(node->children, node->child_count + 1, sizeof *node->children);
	node->children[node->child_count++] = child;
}

void template_place(const struct template *template, size_t at, size_t *ret_line, size_t *ret_column)
{
	size_t line = 1, start = 0;
	for (size_t i = 0; i < at; i++) {
		if (template->text[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	*ret_line = line;
	*ret_column = at - start;
}

static const struct token *peek(const struct parser *parser)
{
	/* Behind the last token there is always the last token. */
	size_t last = parser->tokens.count - 1;
	return &parser->tokens.items[parser->next < last ? parser->next : last];
}

static const struct token *take(struct parser *parser)
{
	const struct token *token = peek(parser);
	if (parser->next + 1 < parser->tokens.count)
		parser->next++;
	return token;
}

static const struct token *peek_word(struct parser *parser)
{
	while (peek(parser)->kind == TOKEN_SPACE)
		take(parser);
	return peek(parser);
}

static char *token_copy(const struct parser *parser, const struct token *token)
{
	return duplicate_bytes(parser->template->text + token->at, token->length);
}

static bool token_is(const struct parser *parser, const struct token *token, const char *word)
{
	return token->kind == TOKEN_WORD && token->length == strlen(word) &&
	       memcmp(parser->template->text + token->at, word, token->length) == 0;
}

static int fail(struct parser *parser, const char *format, ...) PRINTF_LIKE(2, 3);
static int fail(struct parser *parser, const char *format, ...)
{
	va_list arguments;
	char message[512];
	size_t line, column;
	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	template_place(parser->template, peek(parser)->at, &line, &column);
	return error_set(parser->err, ERROR_INVALID, "template: :%zu: %s", line, message);
}

static bool is_keyword(const struct parser *parser, const struct token *token)
{
	static const char *const words[] = {"block", "break", "continue", "define",   "else", "end",
					    "if",    "range", "nil",	  "template", "with"};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (token_is(parser, token, words[i]))
			return true;
	return false;
}

/* Go's words for a token in a message: quoted, at most ten characters of it. */
static void describe(const struct parser *parser, const struct token *token, char *text, size_t size)
{
	const char *bytes = parser->template->text + token->at;
	if (token->kind == TOKEN_END) {
		snprintf(text, size, "EOF");
	} else if (is_keyword(parser, token)) {
		snprintf(text, size, "<%.*s>", (int)token->length, bytes);
	} else {
		char quoted[32] = "";
		size_t used = 0;
		for (size_t i = 0; i < token->length && i < 10; i++) {
			bool escape = bytes[i] == '"' || bytes[i] == '\\' || bytes[i] == '\n' || bytes[i] == '\t';
			if (escape)
				quoted[used++] = '\\';
			quoted[used++] = bytes[i] == '\n' ? 'n' : bytes[i] == '\t' ? 't' : bytes[i];
		}
		snprintf(text, size, "\"%.*s\"%s", (int)used, quoted, token->length > 10 ? "..." : "");
	}
}

static int unexpected(struct parser *parser, const struct token *token, const char *context)
{
	char text[64];
	if (token->kind == TOKEN_ERROR)
		return fail(parser, "%s", parser->tokens.message);
	describe(parser, token, text, sizeof text);
	return fail(parser, "unexpected %s in %s", text, context);
}

static void append_utf8(struct buffer *text, unsigned long code)
{
	char bytes[4];
	size_t size;
	if (code < 0x80) {
		bytes[0] = (char)code;
		size = 1;
	} else if (code < 0x800) {
		bytes[0] = (char)(0xc0 | (code >> 6));
		size = 2;
	} else if (code < 0x10000) {
		bytes[0] = (char)(0xe0 | (code >> 12));
		size = 3;
	} else {
		bytes[0] = (char)(0xf0 | (code >> 18));
		size = 4;
	}
	for (size_t i = 1; i < size; i++)
		bytes[i] = (char)(0x80 | ((code >> (6 * (size - 1 - i))) & 0x3f));
	buffer_append(text, bytes, size, NULL);
}

/* One escape behind a backslash; returns how many bytes it takes, 0: none that Go knows. */
static size_t unescape(const char *at, char quote, struct buffer *text)
{
	static const char plain[] = "abfnrtv\\";
	static const char meant[] = "\a\b\f\n\r\t\v\\";
	const char *found = strchr(plain, *at);
	if (*at && found) {
		buffer_append(text, &meant[found - plain], 1, NULL);
		return 1;
	}
	if (*at == quote) {
		buffer_append(text, at, 1, NULL);
		return 1;
	}
	size_t digits = *at == 'x' ? 2 : *at == 'u' ? 4 : *at == 'U' ? 8 : *at >= '0' && *at <= '7' ? 3 : 0;
	bool is_octal = digits == 3;
	const char *first = is_octal ? at : at + 1;
	char number[9] = "";
	for (size_t i = 0; i < digits; i++) {
		if (is_octal ? first[i] < '0' || first[i] > '7' : !isxdigit((unsigned char)first[i]))
			return 0;
		number[i] = first[i];
	}
	unsigned long code = strtoul(number, NULL, is_octal ? 8 : 16);
	if (digits == 0 || (digits < 4 && code > 255) || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	if (digits < 4)
		buffer_append(text, &(char){(char)code}, 1, NULL);
	else
		append_utf8(text, code);
	return digits + (is_octal ? 0 : 1);
}

static int parse_string(struct parser *parser, const struct token *token, json_t **ret_literal)
{
	const char *at = parser->template->text + token->at;
	const char *end = at + token->length - 1;
	cleanup_buffer struct buffer text = BUFFER_INIT(TEMPLATE_TEXT_LIMIT * 4);
	char quote = *at++;
	while (at < end) {
		if (*at == '\\' && quote != '`') {
			size_t taken = unescape(at + 1, quote, &text);
			if (taken == 0)
				return fail(parser, "invalid syntax");
			at += 1 + taken;
		} else {
			buffer_append(&text, at++, 1, NULL);
		}
	}
	*ret_literal = json_stringn_nocheck(buffer_text(&text), text.size);
	return 0;
}

static int parse_number(struct parser *parser, const struct token *token, json_t **ret_literal)
{
	cleanup_free char *text = token_copy(parser, token);
	char *end;
	if (token->kind == TOKEN_CHARACTER) {
		json_t *string = NULL;
		if (parse_string(parser, token, &string) < 0)
			return -1;
		const char *bytes = json_string_value(string);
		size_t size = json_string_length(string);
		uint32_t code = (unsigned char)bytes[0];
		size_t wanted = code < 0x80 ? 1 : code < 0xe0 ? 2 : code < 0xf0 ? 3 : 4;
		if (wanted > 1)
			code &= 0x7fU >> wanted;
		for (size_t i = 1; i < wanted && i < size; i++)
			code = code << 6 | ((unsigned char)bytes[i] & 0x3f);
		json_decref(string);
		if (size != wanted)
			return fail(parser, "malformed character constant: %s", text);
		*ret_literal = json_integer(code);
		return 0;
	}
	errno = 0;
	long long integer = strtoll(text, &end, 0);
	if (*end == '\0' && errno == 0) {
		*ret_literal = json_integer(integer);
		return 0;
	}
	if (*end == '\0')
		return fail(parser, "integer overflow: \"%s\"", text);
	errno = 0;
	double real = strtod(text, &end);
	if (*end != '\0' || !isfinite(real))
		return fail(parser, "bad number syntax: \"%s\"", text);
	*ret_literal = real >= -1e15 && real <= 1e15 && real == (double)(long long)real && !strpbrk(text, ".")
			       ? json_integer((long long)real)
			       : json_real(real);
	return 0;
}

/* The names of ".A" or "$x", one token each. */
static void add_name(struct parser *parser, struct node *node, const struct token *token)
{
	size_t skip = token->kind == TOKEN_FIELD;
	string_list_take(&node->names,
			 duplicate_bytes(parser->template->text + token->at + skip, token->length - skip));
}

static int parse_pipe(struct parser *parser, const char *context, enum token_kind end, struct node **ret_node);

static int parse_word(struct parser *parser, const struct token *token, struct node **ret_node)
{
	cleanup_free char *word = token_copy(parser, token);
	bool is_true = strcmp(word, "true") == 0;
	cleanup_node struct node *node = NULL;
	if (is_true || strcmp(word, "false") == 0) {
		node = node_new(NODE_LITERAL, token->at);
		node->literal = json_boolean(is_true);
	} else if (strcmp(word, "nil") == 0) {
		node = node_new(NODE_NIL, token->at);
	} else if (!template_has_function(word)) {
		return fail(parser, "function \"%s\" not defined", word);
	} else {
		node = node_new(NODE_FUNCTION, token->at);
	}
	node->text = steal_pointer(&word);
	take(parser);
	*ret_node = steal_pointer(&node);
	return 0;
}

static int parse_parentheses(struct parser *parser, struct node **ret_node)
{
	if (++parser->depth > TEMPLATE_DEPTH_LIMIT)
		return error_set(parser->err, ERROR_LIMIT, "template: more than %d levels", TEMPLATE_DEPTH_LIMIT);
	take(parser);
	int result = parse_pipe(parser, "parenthesized pipeline", TOKEN_CLOSE, ret_node);
	parser->depth--;
	return result;
}

/* *ret_node stays NULL where the next token begins no term. */
static int parse_term(struct parser *parser, struct node **ret_node)
{
	const struct token *token = peek_word(parser);
	cleanup_node struct node *node = NULL;
	switch (token->kind) {
	case TOKEN_WORD:
		return is_keyword(parser, token) && !token_is(parser, token, "nil")
			       ? 0
			       : parse_word(parser, token, ret_node);
	case TOKEN_OPEN:
		return parse_parentheses(parser, ret_node);
	case TOKEN_DOT:
		node = node_new(NODE_DOT, token->at);
		break;
	case TOKEN_FIELD:
		node = node_new(NODE_FIELD, token->at);
		add_name(parser, node, token);
		break;
	case TOKEN_VARIABLE:
		node = node_new(NODE_VARIABLE, token->at);
		add_name(parser, node, token);
		if (!string_list_contains(&parser->variables, node->names.items[0]))
			return fail(parser, "undefined variable \"%s\"", node->names.items[0]);
		break;
	case TOKEN_NUMBER:
	case TOKEN_CHARACTER:
	case TOKEN_STRING:
	case TOKEN_RAW_STRING:
		node = node_new(NODE_LITERAL, token->at);
		node->text = token_copy(parser, token);
		if ((token->kind == TOKEN_STRING || token->kind == TOKEN_RAW_STRING
			     ? parse_string(parser, token, &node->literal)
			     : parse_number(parser, token, &node->literal)) < 0)
			return -1;
		break;
	default:
		return 0;
	}
	take(parser);
	*ret_node = steal_pointer(&node);
	return 0;
}

/* A term and the fields behind it. */
static int parse_operand(struct parser *parser, struct node **ret_node)
{
	cleanup_node struct node *node = NULL;
	if (parse_term(parser, &node) < 0)
		return -1;
	if (!node || peek(parser)->kind != TOKEN_FIELD) {
		*ret_node = steal_pointer(&node);
		return 0;
	}
	size_t at = peek(parser)->at;
	if (node->kind == NODE_LITERAL || node->kind == NODE_NIL || node->kind == NODE_DOT) {
		cleanup_free char *text = node_text(node);
		return fail(parser, "unexpected . after term \"%s\"", text);
	}
	if (node->kind != NODE_FIELD && node->kind != NODE_VARIABLE) {
		struct node *chain = node_new(NODE_CHAIN, at);
		node_add(chain, steal_pointer(&node));
		node = chain;
	}
	node->at = at;
	while (peek(parser)->kind == TOKEN_FIELD)
		add_name(parser, node, take(parser));
	*ret_node = steal_pointer(&node);
	return 0;
}

/* Takes the "|" behind it too, and sets *ret_piped. */
static int parse_command(struct parser *parser, bool *ret_piped, struct node **ret_node)
{
	cleanup_node struct node *command = node_new(NODE_COMMAND, peek_word(parser)->at);
	for (;;) {
		struct node *operand = NULL;
		if (parse_operand(parser, &operand) < 0)
			return -1;
		if (operand)
			node_add(command, operand);
		const struct token *token = peek(parser);
		*ret_piped = token->kind == TOKEN_PIPE;
		if (token->kind == TOKEN_SPACE) {
			take(parser);
			continue;
		}
		if (token->kind == TOKEN_PIPE)
			take(parser);
		else if (token->kind != TOKEN_RIGHT && token->kind != TOKEN_CLOSE)
			return unexpected(parser, token, "operand");
		break;
	}
	if (command->child_count == 0)
		return fail(parser, "empty command");
	*ret_node = steal_pointer(&command);
	return 0;
}

/* "$x :=", "$i, $x :=" or "$x =" in front of a pipeline. */
static int parse_declarations(struct parser *parser, const char *context, struct node *pipe)
{
	while (peek_word(parser)->kind == TOKEN_VARIABLE) {
		size_t before = parser->next;
		const struct token *variable = take(parser);
		const struct token *sign = peek_word(parser);
		bool is_range = strcmp(context, "range") == 0;
		if (sign->kind == TOKEN_COMMA) {
			take(parser);
			if (!is_range || pipe->names.count > 0)
				return fail(parser, "too many declarations in %s", context);
			if (peek_word(parser)->kind != TOKEN_VARIABLE)
				return fail(parser, "range can only initialize variables");
			add_name(parser, pipe, variable);
			continue;
		}
		if (sign->kind != TOKEN_DECLARE && sign->kind != TOKEN_ASSIGN) {
			parser->next = before;
			return 0;
		}
		pipe->is_assignment = sign->kind == TOKEN_ASSIGN;
		take(parser);
		add_name(parser, pipe, variable);
		break;
	}
	for (size_t i = 0; i < pipe->names.count; i++) {
		if (!pipe->is_assignment)
			string_list_add(&parser->variables, pipe->names.items[i]);
		else if (!string_list_contains(&parser->variables, pipe->names.items[i]))
			return fail(parser, "undefined variable \"%s\"", pipe->names.items[i]);
	}
	return 0;
}

static bool is_executable(const struct node *command)
{
	enum node_kind kind = command->children[0]->kind;
	return kind != NODE_LITERAL && kind != NODE_DOT && kind != NODE_NIL;
}

static int parse_pipe(struct parser *parser, const char *context, enum token_kind end, struct node **ret_node)
{
	cleanup_node struct node *pipe = node_new(NODE_PIPE, peek_word(parser)->at);
	bool piped = false;
	if (parse_declarations(parser, context, pipe) < 0)
		return -1;
	for (;;) {
		const struct token *token = peek_word(parser);
		struct node *command = NULL;
		if (token->kind == end)
			break;
		if (token->kind == TOKEN_ERROR || token->kind == TOKEN_END || token->kind == TOKEN_RIGHT ||
		    token->kind == TOKEN_CLOSE || token->kind == TOKEN_PIPE || token->kind == TOKEN_COMMA ||
		    token->kind == TOKEN_DECLARE || token->kind == TOKEN_ASSIGN ||
		    (is_keyword(parser, token) && !token_is(parser, token, "nil")))
			return unexpected(parser, token, context);
		if (parse_command(parser, &piped, &command) < 0)
			return -1;
		node_add(pipe, command);
		if (pipe->child_count > 1 && !is_executable(command))
			return fail(parser, "non executable command in pipeline stage %zu", pipe->child_count);
	}
	if (pipe->child_count == 0 || piped)
		return fail(parser, "missing value for %s", context);
	take(parser);
	*ret_node = steal_pointer(&pipe);
	return 0;
}

enum ending { ENDING_EOF, ENDING_END, ENDING_ELSE, ENDING_ELSE_AGAIN };

static int parse_list(struct parser *parser, bool is_inside, enum ending *ret_ending, struct node **ret_node);

static int expect_right(struct parser *parser, const char *context)
{
	const struct token *token = peek_word(parser);
	if (token->kind != TOKEN_RIGHT)
		return unexpected(parser, token, context);
	take(parser);
	return 0;
}

static int parse_control(struct parser *parser, enum node_kind kind, const char *word, struct node **ret_node)
{
	size_t variables = parser->variables.count;
	enum ending ending;
	cleanup_node struct node *node = node_new(kind, peek(parser)->at);
	if (++parser->depth > TEMPLATE_DEPTH_LIMIT)
		return error_set(parser->err, ERROR_LIMIT, "template: more than %d levels", TEMPLATE_DEPTH_LIMIT);
	if (parse_pipe(parser, word, TOKEN_RIGHT, &node->pipe) < 0)
		return -1;
	parser->range_depth += kind == NODE_RANGE;
	if (parse_list(parser, true, &ending, &node->then) < 0)
		return -1;
	parser->range_depth -= kind == NODE_RANGE;
	if (ending == ENDING_ELSE_AGAIN) {
		/* "else if" is an if inside of else that shares its end. */
		const struct token *token = take(parser);
		struct node *inner = NULL;
		if (kind == NODE_RANGE || !token_is(parser, token, word))
			return unexpected(parser, token, "else");
		node->otherwise = node_new(NODE_LIST, token->at);
		if (parse_control(parser, kind, word, &inner) < 0)
			return -1;
		node_add(node->otherwise, inner);
	} else if (ending == ENDING_ELSE) {
		if (parse_list(parser, true, &ending, &node->otherwise) < 0)
			return -1;
		if (ending != ENDING_END)
			return fail(parser, "expected end; found {{else}}");
	}
	parser->depth--;
	while (parser->variables.count > variables) {
		free(parser->variables.items[--parser->variables.count]);
		parser->variables.items[parser->variables.count] = NULL;
	}
	*ret_node = steal_pointer(&node);
	return 0;
}

/* Behind "{{". *ret_node stays NULL for {{end}} and {{else}}. */
static int parse_action(struct parser *parser, enum ending *ret_ending, struct node **ret_node)
{
	const struct token *token = peek_word(parser);
	static const struct {
		const char *word;
		enum node_kind kind;
	} controls[] = {{"if", NODE_IF}, {"with", NODE_WITH}, {"range", NODE_RANGE}};
	for (size_t i = 0; i < ARRAY_SIZE(controls); i++) {
		if (token_is(parser, token, controls[i].word)) {
			take(parser);
			return parse_control(parser, controls[i].kind, controls[i].word, ret_node);
		}
	}
	if (token_is(parser, token, "end")) {
		take(parser);
		*ret_ending = ENDING_END;
		return expect_right(parser, "end");
	}
	if (token_is(parser, token, "else")) {
		take(parser);
		token = peek_word(parser);
		bool again = token_is(parser, token, "if") || token_is(parser, token, "with");
		*ret_ending = again ? ENDING_ELSE_AGAIN : ENDING_ELSE;
		return again ? 0 : expect_right(parser, "else");
	}
	bool is_break = token_is(parser, token, "break");
	if (is_break || token_is(parser, token, "continue")) {
		const char *word = is_break ? "break" : "continue";
		if (parser->range_depth == 0)
			return fail(parser, "{{%s}} outside {{range}}", word);
		*ret_node = node_new(is_break ? NODE_BREAK : NODE_CONTINUE, token->at);
		take(parser);
		return expect_right(parser, word);
	}
	cleanup_node struct node *node = node_new(NODE_ACTION, token->at);
	if (parse_pipe(parser, "command", TOKEN_RIGHT, &node->pipe) < 0)
		return -1;
	*ret_node = steal_pointer(&node);
	return 0;
}

static int parse_list(struct parser *parser, bool is_inside, enum ending *ret_ending, struct node **ret_node)
{
	cleanup_node struct node *list = node_new(NODE_LIST, peek(parser)->at);
	for (;;) {
		const struct token *token = take(parser);
		struct node *node = NULL;
		*ret_ending = ENDING_EOF;
		if (token->kind == TOKEN_END) {
			if (is_inside)
				return fail(parser, "unexpected EOF");
			break;
		}
		if (token->kind == TOKEN_TEXT) {
			node = node_new(NODE_TEXT, token->at);
			node->text = token_copy(parser, token);
		} else if (token->kind != TOKEN_LEFT) {
			return unexpected(parser, token, "input");
		} else if (parse_action(parser, ret_ending, &node) < 0) {
			node_free(node);
			return -1;
		}
		if (node) {
			node_add(list, node);
			continue;
		}
		if (!is_inside)
			return fail(parser, "unexpected {{%s}}", *ret_ending == ENDING_END ? "end" : "else");
		break;
	}
	*ret_node = steal_pointer(&list);
	return 0;
}

int template_parse(const char *text, struct template **ret_template, struct error *err)
{
	if (strlen(text) > TEMPLATE_TEXT_LIMIT)
		return error_set(err, ERROR_LIMIT, "template: longer than %zu bytes", TEMPLATE_TEXT_LIMIT);
	cleanup_template struct template *template = allocate(sizeof *template);
	template->text = duplicate_string(text);
	CLEANUP(parser_release) struct parser parser = {.template = template, .err = err};
	enum ending ending;
	template_lex(template->text, &parser.tokens);
	string_list_add(&parser.variables, "$");
	if (parse_list(&parser, false, &ending, &template->root) < 0)
		return -1;
	*ret_template = steal_pointer(&template);
	return 0;
}

void template_free(struct template *template)
{
	if (!template)
		return;
	node_free(template->root);
	free(template->text);
	free(template);
}
