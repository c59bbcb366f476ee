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
	uint32_t barrier; /* what `*` and `?` do not cross */
	char *plain;	  /* the text where no token is special: compared, not matched */
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

static void compile_star(const char **at, const char *end, enum match_dialect dialect, bool is_first,
			 struct token *token)
{
	token->kind = TOKEN_STAR;
	if (++*at == end || **at != '*' || dialect != MATCH_IGNORE)
		return;
	++*at;
	/* Docker compares ends here, and what stands before them is not looked at. */
	bool is_plain = *at < end && **at != '/' && !strpbrk(*at, "*?[]\\");
	if (*at < end && **at == '/')
		++*at;
	token->kind = *at == end || (is_first && is_plain) ? TOKEN_EVERYTHING : TOKEN_DEEP;
}

static int compile_token(const char **at, const char *end, enum match_dialect dialect, bool is_first,
			 struct token *token)
{
	*token = (struct token){0};
	switch (**at) {
	case '*':
		compile_star(at, end, dialect, is_first, token);
		return 0;
	case '?':
		token->kind = TOKEN_ANY_ONE;
		++*at;
		return 0;
	case '[':
		if (dialect == MATCH_SHELL)
			break;
		++*at;
		return compile_class(at, end, token);
	case '\\':
		if (++*at == end || (dialect == MATCH_SHELL && !strchr("*?\\}/", **at)))
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
	pattern->barrier = dialect == MATCH_SHELL ? '\n' : '/';
	pattern->tokens = allocate_array(length + 1, sizeof *pattern->tokens);
	const char *at = text, *end = text + length;
	while (at < end) {
		int result = compile_token(&at, end, dialect, at == text, &pattern->tokens[pattern->count]);
		pattern->count++;
		if (result < 0 && dialect == MATCH_SHELL)
			return error_set(err, ERROR_INVALID, "invalid escape '\\%.1s'", at);
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
		if (character != pattern->barrier)
			enter(pattern, next, state + 1);
		break;
	case TOKEN_CLASS:
		if (class_holds(token, character))
			enter(pattern, next, state + 1);
		break;
	case TOKEN_STAR:
		if (character != pattern->barrier)
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

/* The states after one more character; false where none is left. */
static bool advance(const struct match_pattern *pattern, uint32_t character, unsigned char **current,
		    unsigned char **next)
{
	bool alive = false;
	memset(*next, 0, pattern->count + 1);
	for (size_t state = 0; state < pattern->count; state++)
		if ((*current)[state]) {
			step(pattern, state, character, *next);
			alive = true;
		}
	unsigned char *swapped = *current;
	*current = *next;
	*next = swapped;
	return alive;
}

bool match_test(const struct match_pattern *pattern, const char *name, size_t length)
{
	if (pattern->plain)
		return length == pattern->plain_length && memcmp(name, pattern->plain, length) == 0;
	/* Most names fail here, and walking a folder asks for many. */
	if (pattern->count && ((pattern->first >= 0 && (!length || name[0] != pattern->first)) ||
			       (pattern->last >= 0 && (!length || name[length - 1] != pattern->last))))
		return false;
	unsigned char *current = pattern->states, *next = pattern->states + pattern->count + 1;
	memset(current, 0, pattern->count + 1);
	enter(pattern, current, 0);
	const char *end = name + length;
	while (name < end)
		if (!advance(pattern, take_character(&name, end), &current, &next))
			return false;
	return current[pattern->count];
}

ptrdiff_t match_beginning(const struct match_pattern *pattern, const char *text, size_t length, bool longest)
{
	if (pattern->plain)
		return length >= pattern->plain_length && memcmp(text, pattern->plain, pattern->plain_length) == 0
			       ? (ptrdiff_t)pattern->plain_length
			       : -1;
	unsigned char *current = pattern->states, *next = pattern->states + pattern->count + 1;
	memset(current, 0, pattern->count + 1);
	enter(pattern, current, 0);
	ptrdiff_t found = current[pattern->count] ? 0 : -1;
	const char *at = text, *end = text + length;
	while (at < end && (longest || found < 0) && advance(pattern, take_character(&at, end), &current, &next))
		if (current[pattern->count])
			found = at - text;
	return found;
}

struct place {
	uint32_t character;
	size_t start;
};

/* The tokens, last one first, over the characters, last one first. */
ptrdiff_t match_ending(const struct match_pattern *pattern, const char *text, size_t length, bool longest)
{
	struct match_pattern reversed = *pattern;
	reversed.tokens = allocate_array(pattern->count + 1, sizeof *reversed.tokens);
	for (size_t i = 0; i < pattern->count; i++)
		reversed.tokens[i] = pattern->tokens[pattern->count - 1 - i];
	struct place *places = allocate_array(length + 1, sizeof *places);
	size_t left = 0;
	for (const char *at = text, *end = text + length; at < end; left++) {
		places[left].start = (size_t)(at - text);
		places[left].character = take_character(&at, end);
	}
	unsigned char *current = pattern->states, *next = pattern->states + pattern->count + 1;
	memset(current, 0, pattern->count + 1);
	enter(&reversed, current, 0);
	ptrdiff_t found = current[pattern->count] ? 0 : -1;
	while (left-- && (longest || found < 0) && advance(&reversed, places[left].character, &current, &next))
		if (current[pattern->count])
			found = (ptrdiff_t)(length - places[left].start);
	free(places);
	free(reversed.tokens);
	return found;
}

size_t match_cost(const struct match_pattern *pattern)
{
	return pattern->plain ? 1 : pattern->count + 1;
}
