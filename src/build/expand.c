#include "build/expand.h"

#include <ctype.h>
#include <string.h>

#include "base/buffer.h"
#include "build/match.h"

struct expander {
	const struct expansion *expansion;
	const char *at;
	unsigned depth;
	bool raw_quotes;	   /* quotes are plain characters */
	struct string_list *words; /* NULL: one word */
	struct buffer out;
	bool has_word; /* something, perhaps "", stands in `out` */
	struct error *err;
};

static const char *look_up(const struct expansion *expansion, const char *name)
{
	const char *value = expansion->environment ? string_list_get_key(expansion->environment, name) : NULL;
	if (!value && expansion->arguments)
		value = string_list_get_key(expansion->arguments, name);
	if (!value && expansion->missing && expansion->missing->count < EXPAND_MISSING_LIMIT &&
	    !string_list_contains(expansion->missing, name))
		string_list_add(expansion->missing, name);
	return value;
}

static int put(struct expander *expander, const char *text, size_t size)
{
	expander->has_word = true;
	return buffer_append(&expander->out, text, size, expander->err);
}

static void end_word(struct expander *expander)
{
	if (!expander->has_word)
		return;
	string_list_add(expander->words, buffer_text(&expander->out));
	buffer_clear(&expander->out);
	expander->has_word = false;
}

/* The value of a variable outside of quotes: white space in it splits. */
static int put_splitting(struct expander *expander, const char *text)
{
	if (!expander->words)
		return put(expander, text, strlen(text));
	for (; *text; text++) {
		if (isspace((unsigned char)*text))
			end_word(expander);
		else if (put(expander, text, 1) < 0)
			return -1;
	}
	return 0;
}

/* A name, a row of digits or one special character; "" where there is none. */
static char *take_name(struct expander *expander)
{
	const char *start = expander->at;
	const char *end = start;
	if (isdigit((unsigned char)*end)) {
		while (isdigit((unsigned char)*end))
			end++;
	} else if (*end && strchr("@*#?-$!", *end)) {
		end++;
	} else {
		while (isalnum((unsigned char)*end) || *end == '_')
			end++;
	}
	expander->at = end;
	return duplicate_bytes(start, (size_t)(end - start));
}

static int expand_until(struct expander *expander, char stop);

/* What stands behind the modifier, up to the '}' or the '/', expanded in its turn. */
static int take_operand(struct expander *expander, char stop, bool raw, char **ret_text)
{
	if (++expander->depth > EXPAND_DEPTH_LIMIT)
		return error_set(expander->err, ERROR_LIMIT, "substitutions are nested more than %d deep",
				 EXPAND_DEPTH_LIMIT);
	if (raw) {
		/* A pattern: escapes belong to it. */
		cleanup_buffer struct buffer text = BUFFER_INIT(EXPAND_SIZE_LIMIT);
		while (*expander->at && *expander->at != stop) {
			size_t size = *expander->at == expander->expansion->escape && expander->at[1] ? 2 : 1;
			if (buffer_append(&text, expander->at, size, expander->err) < 0)
				return -1;
			expander->at += size;
		}
		*ret_text = buffer_steal(&text);
	} else {
		struct expander inner = *expander;
		inner.out = BUFFER_INIT(EXPAND_SIZE_LIMIT);
		inner.words = NULL;
		int result = expand_until(&inner, stop);
		cleanup_free char *text = buffer_steal(&inner.out);
		expander->at = inner.at;
		if (result < 0)
			return -1;
		*ret_text = steal_pointer(&text);
	}
	expander->depth--;
	if (*expander->at != stop) {
		free(steal_pointer(ret_text));
		return error_set(expander->err, ERROR_INVALID, "syntax error: missing '%c'", stop);
	}
	expander->at++;
	return 0;
}

/* Patterns of the shell cross '/': each one is put out of the matcher's sight. */
static void hide_slashes(char *text)
{
	for (; *text; text++)
		if (*text == '/')
			*text = '\x01';
}

static bool covers(const struct match_pattern *pattern, const char *hidden, size_t start, size_t end)
{
	return match_test(pattern, hidden + start, end - start);
}

/* ${NAME#pattern} and its kin: what is left of value. */
static void cut_affix(const struct match_pattern *pattern, char kind, bool longest, const char *hidden,
		      size_t *ret_start, size_t *ret_end)
{
	size_t length = strlen(hidden);
	*ret_start = 0;
	*ret_end = length;
	for (size_t i = 0; i <= length; i++) {
		size_t cut = longest ? length - i : i;
		if (kind == '#' && covers(pattern, hidden, 0, cut)) {
			*ret_start = cut;
			return;
		}
		if (kind == '%' && covers(pattern, hidden, length - cut, length)) {
			*ret_end = length - cut;
			return;
		}
	}
}

#define PATTERN_VALUE_LIMIT 8192

static int compile_pattern(struct expander *expander, char *pattern, const char *value,
			   struct match_pattern **ret_pattern, char **ret_hidden)
{
	/* Trying every cut takes the square of the length. */
	if (strlen(value) > PATTERN_VALUE_LIMIT)
		return error_set(expander->err, ERROR_LIMIT, "a value for pattern substitution is longer than %d bytes",
				 PATTERN_VALUE_LIMIT);
	hide_slashes(pattern);
	if (match_compile(pattern, MATCH_GO, ret_pattern, expander->err) < 0)
		return -1;
	*ret_hidden = duplicate_string(value);
	hide_slashes(*ret_hidden);
	return 0;
}

static int expand_affix(struct expander *expander, char kind, const char *value, char **ret_text)
{
	bool longest = *expander->at == kind;
	if (longest)
		expander->at++;
	cleanup_free char *pattern_text = NULL, *hidden = NULL;
	cleanup_match struct match_pattern *pattern = NULL;
	if (take_operand(expander, '}', true, &pattern_text) < 0 ||
	    compile_pattern(expander, pattern_text, value, &pattern, &hidden) < 0)
		return -1;
	size_t start, end;
	cut_affix(pattern, kind, longest, hidden, &start, &end);
	*ret_text = duplicate_bytes(value + start, end - start);
	return 0;
}

static int expand_replacement(struct expander *expander, const char *value, char **ret_text)
{
	bool all = *expander->at == '/';
	if (all)
		expander->at++;
	cleanup_free char *pattern_text = NULL, *replacement = NULL, *hidden = NULL;
	cleanup_match struct match_pattern *pattern = NULL;
	if (take_operand(expander, '/', true, &pattern_text) < 0 ||
	    take_operand(expander, '}', false, &replacement) < 0 ||
	    compile_pattern(expander, pattern_text, value, &pattern, &hidden) < 0)
		return -1;
	cleanup_buffer struct buffer text = BUFFER_INIT(EXPAND_SIZE_LIMIT);
	size_t length = strlen(value);
	bool replaced = false;
	for (size_t at = 0; at < length;) {
		size_t end = length;
		if (replaced && !all)
			end = at;
		while (end > at && !covers(pattern, hidden, at, end))
			end--;
		if (buffer_append_string(&text, end > at ? replacement : "", expander->err) < 0 ||
		    (end == at && buffer_append(&text, value + at, 1, expander->err) < 0))
			return -1;
		replaced |= end > at;
		at = end > at ? end : at + 1;
	}
	*ret_text = buffer_steal(&text);
	return 0;
}

/* :- - :+ + :? ? with what is set so far. `value` is NULL where the name is not set. */
static int expand_condition(struct expander *expander, const char *name, const char *value, bool empty_is_unset,
			    char **ret_text)
{
	char kind = *expander->at;
	if (!kind || !strchr("-+?", kind))
		return kind ? error_set(expander->err, ERROR_INVALID, "unsupported modifier (%s%c) in substitution",
					empty_is_unset ? ":" : "", kind)
			    : error_set(expander->err, ERROR_INVALID, "syntax error: missing '}'");
	expander->at++;
	cleanup_free char *word = NULL;
	if (take_operand(expander, '}', false, &word) < 0)
		return -1;
	bool counts = value && !(empty_is_unset && !value[0]);
	if (kind == '-')
		*ret_text = counts ? duplicate_string(value) : steal_pointer(&word);
	else if (kind == '+')
		*ret_text = counts ? steal_pointer(&word) : duplicate_string("");
	else if (counts)
		*ret_text = duplicate_string(value);
	else
		return error_set(expander->err, ERROR_INVALID, "%s: %s", name,
				 word[0] ? word
				 : value ? "is not allowed to be empty"
					 : "is not allowed to be unset");
	return 0;
}

/* `at` is behind "${". */
static int expand_braces(struct expander *expander, char **ret_text)
{
	if (!*expander->at)
		return error_set(expander->err, ERROR_INVALID, "syntax error: missing '}'");
	if (strchr("{}:", *expander->at))
		return error_set(expander->err, ERROR_INVALID, "syntax error: bad substitution");
	cleanup_free char *name = take_name(expander);
	const char *value = look_up(expander->expansion, name);
	char kind = *expander->at;
	switch (kind) {
	case '}':
		expander->at++;
		*ret_text = duplicate_string(value ? value : "");
		return 0;
	case ':':
		expander->at++;
		return expand_condition(expander, name, value, true, ret_text);
	case '#':
	case '%':
		expander->at++;
		return expand_affix(expander, kind, value ? value : "", ret_text);
	case '/':
		expander->at++;
		return expand_replacement(expander, value ? value : "", ret_text);
	default:
		return expand_condition(expander, name, value, false, ret_text);
	}
}

/* `at` is on the '$'. */
static int expand_dollar(struct expander *expander, bool quoted)
{
	cleanup_free char *text = NULL;
	expander->at++;
	if (*expander->at == '{') {
		expander->at++;
		if (expand_braces(expander, &text) < 0)
			return -1;
	} else {
		cleanup_free char *name = take_name(expander);
		if (!name[0])
			return put(expander, "$", 1);
		const char *value = look_up(expander->expansion, name);
		text = duplicate_string(value ? value : "");
	}
	return quoted ? put(expander, text, strlen(text)) : put_splitting(expander, text);
}

static int expand_single_quotes(struct expander *expander)
{
	const char *start = expander->at + 1;
	const char *end = strchr(start, '\'');
	if (!end)
		return error_set(expander->err, ERROR_INVALID,
				 "unexpected end of statement while looking for matching single-quote");
	expander->at = end + 1;
	return put(expander, start, (size_t)(end - start));
}

static int expand_double_quotes(struct expander *expander)
{
	char escape = expander->expansion->escape;
	expander->has_word = true;
	for (expander->at++; *expander->at != '"';) {
		if (!*expander->at)
			return error_set(expander->err, ERROR_INVALID,
					 "unexpected end of statement while looking for matching double-quote");
		if (*expander->at == '$') {
			if (expand_dollar(expander, true) < 0)
				return -1;
			continue;
		}
		char next = expander->at[0] == escape ? expander->at[1] : '\0';
		if (next == '"' || next == '$' || (next && next == escape))
			expander->at++;
		if (put(expander, expander->at++, 1) < 0)
			return -1;
	}
	expander->at++;
	return 0;
}

static int expand_plain(struct expander *expander)
{
	char escape = expander->expansion->escape;
	if (expander->words && isspace((unsigned char)*expander->at)) {
		end_word(expander);
		expander->at++;
		return 0;
	}
	if (*expander->at == escape) {
		if (expander->raw_quotes && expander->at[1] != '$')
			return put(expander, expander->at++, 1);
		if (!*++expander->at)
			return 0;
	}
	return put(expander, expander->at++, 1);
}

/* To the end, or to an unquoted `stop`, which is not taken. */
static int expand_until(struct expander *expander, char stop)
{
	while (*expander->at && (*expander->at != stop || !stop)) {
		int result;
		if (*expander->at == '\'' && !expander->raw_quotes)
			result = expand_single_quotes(expander);
		else if (*expander->at == '"' && !expander->raw_quotes)
			result = expand_double_quotes(expander);
		else if (*expander->at == '$')
			result = expand_dollar(expander, false);
		else
			result = expand_plain(expander);
		if (result < 0)
			return -1;
	}
	return 0;
}

static int expand_all(const struct expansion *expansion, const char *text, bool raw_quotes, char **ret_text,
		      struct error *err)
{
	struct expander expander = {
		.expansion = expansion,
		.at = text,
		.raw_quotes = raw_quotes,
		.out = BUFFER_INIT(EXPAND_SIZE_LIMIT),
		.err = err,
	};
	int result = expand_until(&expander, '\0');
	if (result == 0)
		*ret_text = buffer_steal(&expander.out);
	buffer_release(&expander.out);
	return result;
}

int expand_word(const struct expansion *expansion, const char *text, char **ret_text, struct error *err)
{
	return expand_all(expansion, text, false, ret_text, err);
}

int expand_content(const struct expansion *expansion, const char *text, char **ret_text, struct error *err)
{
	return expand_all(expansion, text, true, ret_text, err);
}

int expand_words(const struct expansion *expansion, const char *text, struct string_list *words, struct error *err)
{
	struct expander expander = {
		.expansion = expansion,
		.at = text,
		.words = words,
		.out = BUFFER_INIT(EXPAND_SIZE_LIMIT),
		.err = err,
	};
	int result = expand_until(&expander, '\0');
	if (result == 0)
		end_word(&expander);
	buffer_release(&expander.out);
	return result;
}
