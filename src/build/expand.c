#include "build/expand.h"

#include <ctype.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "build/match.h"

#define WRAP_TEXT_LIMIT 512

struct expander {
	const struct expansion *expansion;
	const char *at;
	unsigned depth;
	bool raw_quotes;	   /* quotes are plain characters */
	bool raw_escapes;	   /* the escape character stays: a pattern, or what replaces one */
	bool is_shown;		   /* quotes stay, and variables that are not set */
	struct string_list *words; /* NULL: one word */
	struct buffer out;
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
	return buffer_append(&expander->out, text, size, expander->err);
}

static void end_word(struct expander *expander)
{
	if (!expander->out.size)
		return;
	string_list_add(expander->words, buffer_text(&expander->out));
	buffer_clear(&expander->out);
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
static int take_operand(struct expander *expander, char stop, bool raw_escapes, char **ret_text)
{
	if (++expander->depth > EXPAND_DEPTH_LIMIT)
		return error_set(expander->err, ERROR_LIMIT, "substitutions are nested more than %d deep",
				 EXPAND_DEPTH_LIMIT);
	struct expander inner = *expander;
	inner.out = BUFFER_INIT(EXPAND_SIZE_LIMIT);
	inner.words = NULL;
	inner.raw_escapes = raw_escapes;
	int result = expand_until(&inner, stop);
	cleanup_free char *text = buffer_steal(&inner.out);
	expander->at = inner.at;
	expander->depth--;
	/* Whatever else is wrong, it is missing. */
	if (!*expander->at)
		return error_set(expander->err, ERROR_INVALID, "syntax error: missing '%c'%s", stop,
				 stop == '/' ? " in ${}" : "");
	if (result < 0)
		return -1;
	expander->at++;
	*ret_text = steal_pointer(&text);
	return 0;
}

static int compile_pattern(struct expander *expander, const char *text, struct match_pattern **ret_pattern)
{
	if (match_compile(text, MATCH_SHELL, ret_pattern, expander->err) < 0)
		return error_wrap(expander->err, "invalid pattern (%s) in substitution", text);
	return 0;
}

/* ${NAME#pattern} and its kin: `operand` begins with a second '#' or '%' where the longest match is asked for. */
static int cut_affix(struct expander *expander, char kind, const char *operand, const char *value, char **ret_text)
{
	bool longest = operand[0] == kind;
	cleanup_match struct match_pattern *pattern = NULL;
	if (compile_pattern(expander, operand + longest, &pattern) < 0)
		return -1;
	size_t length = strlen(value);
	ptrdiff_t cut = kind == '#' ? match_beginning(pattern, value, length, longest)
				    : match_ending(pattern, value, length, longest);
	size_t gone = cut > 0 ? (size_t)cut : 0;
	*ret_text = duplicate_bytes(value + (kind == '#' ? gone : 0), length - gone);
	return 0;
}

/* Looking from each place takes the square of the length. */
#define REPLACEMENT_WORK_LIMIT 1e9

/* Matches are the longest ones; an empty one counts, but not right behind another. */
static int replace_matches(struct expander *expander, const struct match_pattern *pattern, bool all, const char *value,
			   const char *replacement, struct buffer *text)
{
	size_t length = strlen(value);
	bool done = false, after_match = false;
	for (size_t at = 0; at <= length;) {
		ptrdiff_t found = done ? -1 : match_beginning(pattern, value + at, length - at, true);
		bool counts = found > 0 || (found == 0 && !after_match);
		if (counts && buffer_append_string(text, replacement, expander->err) < 0)
			return -1;
		done |= counts && !all;
		after_match = counts && found > 0;
		if (found > 0) {
			at += (size_t)found;
			continue;
		}
		if (at < length && buffer_append(text, value + at, 1, expander->err) < 0)
			return -1;
		at++;
		/* A character is not looked into. */
		for (; at < length && ((unsigned char)value[at] & 0xc0) == 0x80; at++)
			if (buffer_append(text, value + at, 1, expander->err) < 0)
				return -1;
	}
	return 0;
}

/* `value` is NULL where the name is not set. */
static int expand_replacement(struct expander *expander, const char *name, const char *value, char **ret_text)
{
	bool all = *expander->at == '/';
	if (all)
		expander->at++;
	cleanup_free char *pattern_text = NULL, *replacement = NULL;
	cleanup_match struct match_pattern *pattern = NULL;
	if (take_operand(expander, '/', true, &pattern_text) < 0 || take_operand(expander, '}', true, &replacement) < 0)
		return -1;
	if (expander->is_shown && !value) {
		*ret_text = format_string("${%s/%s/%s}", name, pattern_text, replacement);
		return 0;
	}
	value = value ? value : "";
	if (compile_pattern(expander, pattern_text, &pattern) < 0)
		return -1;
	double length = (double)strlen(value);
	if (length * length * (double)match_cost(pattern) > REPLACEMENT_WORK_LIMIT)
		return error_set(expander->err, ERROR_LIMIT, "a value of %.0f bytes is too long for the pattern (%s)",
				 length, pattern_text);
	cleanup_buffer struct buffer text = BUFFER_INIT(EXPAND_SIZE_LIMIT);
	if (replace_matches(expander, pattern, all, value, replacement, &text) < 0)
		return -1;
	*ret_text = buffer_steal(&text);
	return 0;
}

/* ${NAME:?word}, where `value` does not count. */
static int refuse_unset(struct expander *expander, const char *name, const char *value, const char *word)
{
	if (word[0])
		return error_set(expander->err, ERROR_INVALID, "%s: %s", name, word);
	return error_set(expander->err, ERROR_INVALID, "%s: is not allowed to be %s", name, value ? "empty" : "unset");
}

/* :- - :+ + :? ? # % with what is set so far. `value` is NULL where the name is not set. */
static int expand_modifier(struct expander *expander, const char *name, const char *value, bool empty_is_unset,
			   char **ret_text)
{
	char kind = *expander->at;
	if (!kind)
		return error_set(expander->err, ERROR_INVALID, "syntax error: missing '}'");
	bool is_known = strchr("-+?#%", kind);
	cleanup_free char *word = NULL;
	if (is_known || empty_is_unset) {
		expander->at++;
		if (take_operand(expander, '}', kind == '#' || kind == '%', &word) < 0)
			return -1;
	}
	if (!is_known)
		return error_set(expander->err, ERROR_INVALID, "unsupported modifier (%s%c) in substitution",
				 empty_is_unset ? ":" : "", kind);
	if (expander->is_shown && !value) {
		*ret_text = format_string("${%s%s%c%s}", name, empty_is_unset ? ":" : "", kind, word);
		return 0;
	}
	if (kind == '#' || kind == '%')
		return cut_affix(expander, kind, word, value ? value : "", ret_text);
	bool counts = value && !(empty_is_unset && !value[0]);
	if (kind == '?' && !counts)
		return refuse_unset(expander, name, value, word);
	if (kind == '+' && !counts)
		*ret_text = duplicate_string("");
	else
		*ret_text = counts == (kind == '+') ? steal_pointer(&word) : duplicate_string(value);
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
	switch (*expander->at) {
	case '}':
		expander->at++;
		*ret_text = !value && expander->is_shown ? format_string("${%s}", name)
							 : duplicate_string(value ? value : "");
		return 0;
	case ':':
		expander->at++;
		return expand_modifier(expander, name, value, true, ret_text);
	case '/':
		expander->at++;
		return expand_replacement(expander, name, value, ret_text);
	default:
		return expand_modifier(expander, name, value, false, ret_text);
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
		text = !value && expander->is_shown ? format_string("$%s", name) : duplicate_string(value ? value : "");
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
	return expander->is_shown ? put(expander, start - 1, (size_t)(end - start) + 2)
				  : put(expander, start, (size_t)(end - start));
}

static int expand_double_quotes(struct expander *expander)
{
	char escape = expander->expansion->escape;
	if (expander->is_shown && put(expander, "\"", 1) < 0)
		return -1;
	for (expander->at++; *expander->at != '"';) {
		if (!*expander->at)
			return error_set(expander->err, ERROR_INVALID,
					 "unexpected end of statement while looking for matching double-quote");
		if (*expander->at == '$') {
			if (expand_dollar(expander, true) < 0)
				return -1;
			continue;
		}
		char next = '\0';
		if (*expander->at == escape) {
			if (expander->raw_escapes && put(expander, expander->at, 1) < 0)
				return -1;
			next = expander->at[1];
		}
		if (next == '"' || next == '$' || (next && next == escape))
			expander->at++;
		if (put(expander, expander->at++, 1) < 0)
			return -1;
	}
	expander->at++;
	return expander->is_shown ? put(expander, "\"", 1) : 0;
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
		if (expander->raw_escapes && put(expander, expander->at, 1) < 0)
			return -1;
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

/* The message is about this word. */
static void wrap_source(const char *text, struct error *err)
{
	cleanup_buffer struct buffer quoted = BUFFER_INIT(4 * EXPAND_SIZE_LIMIT);
	if (text_append_quoted(&quoted, text, NULL) == 0)
		error_wrap(err, "failed to process %.*s%s", WRAP_TEXT_LIMIT, buffer_text(&quoted),
			   quoted.size > WRAP_TEXT_LIMIT ? "..." : "");
}

enum expand_quotes { QUOTES_GO, QUOTES_ARE_PLAIN, QUOTES_STAY };

/* Into `words`, or ret_text. */
static int expand_all(const struct expansion *expansion, const char *text, enum expand_quotes quotes,
		      struct string_list *words, char **ret_text, struct error *err)
{
	struct expander expander = {
		.expansion = expansion,
		.at = text,
		.raw_quotes = quotes == QUOTES_ARE_PLAIN,
		.is_shown = quotes == QUOTES_STAY,
		.words = words,
		.out = BUFFER_INIT(EXPAND_SIZE_LIMIT),
		.err = err,
	};
	int result = expand_until(&expander, '\0');
	if (result < 0)
		wrap_source(text, err);
	else if (words)
		end_word(&expander);
	else
		*ret_text = buffer_steal(&expander.out);
	buffer_release(&expander.out);
	return result;
}

int expand_word(const struct expansion *expansion, const char *text, char **ret_text, struct error *err)
{
	return expand_all(expansion, text, QUOTES_GO, NULL, ret_text, err);
}

int expand_shown(const struct expansion *expansion, const char *text, char **ret_text, struct error *err)
{
	return expand_all(expansion, text, QUOTES_STAY, NULL, ret_text, err);
}

int expand_content(const struct expansion *expansion, const char *text, char **ret_text, struct error *err)
{
	struct expansion inside = *expansion;
	inside.escape = '\\'; /* whatever the Dockerfile's is */
	return expand_all(&inside, text, QUOTES_ARE_PLAIN, NULL, ret_text, err);
}

int expand_words(const struct expansion *expansion, const char *text, struct string_list *words, struct error *err)
{
	return expand_all(expansion, text, QUOTES_GO, words, NULL, err);
}
