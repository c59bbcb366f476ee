/*
 * A pattern is a row of tokens; matching moves a set of states over the name, one character at a time, where state i
 * means "tokens 0..i-1 have matched so far". A star is a state that stays; DEEP, the `**` of .dockerignore in front of
 * more, stays on any character and lets go after each '/'. It also matches nothing at all, but only where it is
 * entered, so entering it adds the state behind it too. No state is visited twice for one character: no backtracking.
 */
#include "build/match.h"

#include <stdint.h>
#include <string.h>

enum token_kind { TOKEN_LITERAL, TOKEN_ANY_ONE, TOKEN_CLASS, TOKEN_STAR, TOKEN_DEEP, TOKEN_EVERYTHING };

struct range {
	uint32_t low, high;
};

struct token {
	enum token_kind kind;
	uint32_t literal;
	bool negated;
	struct range *ranges;
	size_t range_count;
};

struct match_pattern {
	struct token *tokens;
	size_t count;
	char *plain; /* the text where no token is special: compared, not matched */
	size_t plain_length;
	int first, last;       /* ASCII characters that a name must begin and end with; -1: any */
	unsigned char *states; /* two sets of count + 1; scratch, so a pattern is used by one test at a time */
};

/* One UTF-8 character; a byte that is none stands for itself. */
static uint32_t take_character(const char **at, const char *end)
{
	const unsigned char *bytes = (const unsigned char *)*at;
	size_t length = bytes[0] < 0xc2 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : bytes[0] < 0xf5 ? 4 : 1;
	if (length == 1 || (size_t)(end - *at) < length) {
		*at += 1;
		return bytes[0] < 0x80 ? bytes[0] : 0x110000u + bytes[0];
	}
	uint32_t character = bytes[0] & (0xffu >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80) {
			*at += 1;
			return 0x110000u + bytes[0];
		}
		character = character << 6 | (bytes[i] & 0x3f);
	}
	*at += length;
	return character;
}

/* One end of a range inside of brackets. */
static int take_class_character(const char **at, const char *end, uint32_t *ret_character)
{
	if (*at == end || **at == '-' || **at == ']')
		return -1;
	if (**at == '\\' && ++*at == end)
		return -1;
	*ret_character = take_character(at, end);
	return *at == end ? -1 : 0; /* the closing bracket must still come */
}

/* `at` is behind the '['. */
static int compile_class(const char **at, const char *end, struct token *token)
{
	token->kind = TOKEN_CLASS;
	if (*at < end && **at == '^') {
		token->negated = true;
		++*at;
	}
	for (;;) {
		if (*at < end && **at == ']' && token->range_count > 0) {
			++*at;
			return 0;
		}
		struct range range;
		if (take_class_character(at, end, &range.low) < 0)
			return -1;
		range.high = range.low;
		if (**at == '-') {
			++*at;
			if (take_class_character(at, end, &range.high) < 0)
				return -1;
		}
		token->ranges = reallocate_array(token->ranges, token->range_count + 1, sizeof *token->ranges);
		token->ranges[token->range_count++] = range;
	}
}

static int compile_token(const char **at, const char *end, enum match_dialect dialect, struct token *token)
{
	*token = (struct token){0};
	switch (**at) {
	case '*': {
		const char *next = *at + 1;
		token->kind = TOKEN_STAR;
		while (next < end && *next == '*') {
			if (dialect == MATCH_IGNORE)
				token->kind = TOKEN_DEEP;
			next++;
		}
		if (token->kind == TOKEN_DEEP) {
			if (next < end && *next == '/')
				next++;
			if (next == end)
				token->kind = TOKEN_EVERYTHING;
		}
		*at = next;
		return 0;
	}
	case '?':
		token->kind = TOKEN_ANY_ONE;
		++*at;
		return 0;
	case '[':
		++*at;
		return compile_class(at, end, token);
	case '\\':
		if (++*at == end)
			return -1;
		break;
	default:
		break;
	}
	token->kind = TOKEN_LITERAL;
	token->literal = take_character(at, end);
	return 0;
}

static int fixed_character(const struct token *token)
{
	return token->kind == TOKEN_LITERAL && token->literal < 0x80 ? (int)token->literal : -1;
}

int match_compile(const char *text, enum match_dialect dialect, struct match_pattern **ret_pattern, struct error *err)
{
	size_t length = strlen(text);
	if (length > MATCH_PATTERN_LIMIT)
		return error_set(err, ERROR_LIMIT, "a pattern is longer than %d bytes", MATCH_PATTERN_LIMIT);
	cleanup_match struct match_pattern *pattern = allocate(sizeof *pattern);
	pattern->tokens = allocate_array(length + 1, sizeof *pattern->tokens);
	const char *at = text, *end = text + length;
	while (at < end) {
		int result = compile_token(&at, end, dialect, &pattern->tokens[pattern->count]);
		pattern->count++;
		if (result < 0)
			return error_set(err, ERROR_INVALID, "syntax error in pattern: %s", text);
	}
	if (!match_has_wildcard(text)) {
		pattern->plain = duplicate_string(text);
		pattern->plain_length = length;
	}
	pattern->first = pattern->count ? fixed_character(&pattern->tokens[0]) : -1;
	pattern->last = pattern->count ? fixed_character(&pattern->tokens[pattern->count - 1]) : -1;
	pattern->states = allocate_array(2, pattern->count + 1);
	*ret_pattern = steal_pointer(&pattern);
	return 0;
}

void match_free(struct match_pattern *pattern)
{
	if (!pattern)
		return;
	for (size_t i = 0; i < pattern->count; i++)
		free(pattern->tokens[i].ranges);
	free(pattern->tokens);
	free(pattern->plain);
	free(pattern->states);
	free(pattern);
}

bool match_has_wildcard(const char *text)
{
	return strpbrk(text, "*?[\\") != NULL;
}

static bool class_holds(const struct token *token, uint32_t character)
{
	bool found = false;
	for (size_t i = 0; i < token->range_count && !found; i++)
		found = character >= token->ranges[i].low && character <= token->ranges[i].high;
	return found != token->negated;
}

/* Adds a state and those that are reached from it without a character. */
static void enter(const struct match_pattern *pattern, unsigned char *set, size_t state)
{
	for (;; state++) {
		set[state] = 1;
		if (state == pattern->count)
			return;
		enum token_kind kind = pattern->tokens[state].kind;
		if (kind != TOKEN_STAR && kind != TOKEN_DEEP && kind != TOKEN_EVERYTHING)
			return;
	}
}

static void step(const struct match_pattern *pattern, size_t state, uint32_t character, unsigned char *next)
{
	const struct token *token = &pattern->tokens[state];
	switch (token->kind) {
	case TOKEN_LITERAL:
		if (token->literal == character)
			enter(pattern, next, state + 1);
		break;
	case TOKEN_ANY_ONE:
		if (character != '/')
			enter(pattern, next, state + 1);
		break;
	case TOKEN_CLASS:
		if (class_holds(token, character))
			enter(pattern, next, state + 1);
		break;
	case TOKEN_STAR:
		if (character != '/')
			enter(pattern, next, state);
		break;
	case TOKEN_EVERYTHING:
		enter(pattern, next, state);
		break;
	case TOKEN_DEEP:
		next[state] = 1;
		if (character == '/')
			enter(pattern, next, state + 1);
		break;
	}
}

bool match_test(const struct match_pattern *pattern, const char *name, size_t length)
{
	if (pattern->plain)
		return length == pattern->plain_length && memcmp(name, pattern->plain, length) == 0;
	/* Most names fail here, and walking a folder asks for many. */
	if (pattern->count && ((pattern->first >= 0 && (!length || name[0] != pattern->first)) ||
			       (pattern->last >= 0 && (!length || name[length - 1] != pattern->last))))
		return false;
	size_t size = pattern->count + 1;
	unsigned char *current = pattern->states, *next = pattern->states + size;
	memset(current, 0, size);
	enter(pattern, current, 0);
	const char *end = name + length;
	while (name < end) {
		uint32_t character = take_character(&name, end);
		bool alive = false;
		memset(next, 0, size);
		for (size_t state = 0; state < pattern->count; state++)
			if (current[state]) {
				step(pattern, state, character, next);
				alive = true;
			}
		if (!alive)
			return false;
		unsigned char *swapped = current;
		current = next;
		next = swapped;
	}
	return current[pattern->count];
}
