#include "words.h"

#include <stdlib.h>
#include <string.h>

void words_release(struct words *words)
{
	free(words->text);
	*words = (struct words){0};
}

/* One word from *from, unquoted, to *to; both move on. */
static const char *take_word(const char **from, char **to)
{
	char quote = '\0';
	for (; **from; (*from)++) {
		char c = **from;
		if (quote ? c == quote : c == '"' || c == '\'') {
			quote = quote ? '\0' : c;
			continue;
		}
		if (!quote && strchr(" \t\r\n", c))
			break;
		if (c == '\\' && quote != '\'' && (*from)[1])
			c = *++*from;
		*(*to)++ = c;
	}
	*(*to)++ = '\0';
	return quote ? "a quote is not closed" : NULL;
}

const char *words_split(const char *line, struct words *ret_words)
{
	/* Unquoting never makes a line longer; each word needs its NUL. */
	struct words words = {.text = calloc(1, strlen(line) + WORD_LIMIT + 1)};
	if (!words.text)
		abort();
	char *to = words.text;
	const char *problem = NULL;
	for (;;) {
		line += strspn(line, " \t\r\n");
		if (!*line)
			break;
		if (words.count == WORD_LIMIT) {
			problem = "too many words";
			break;
		}
		words.items[words.count++] = to;
		problem = take_word(&line, &to);
		if (problem)
			break;
	}
	if (problem)
		words_release(&words);
	else
		*ret_words = words;
	return problem;
}

char *words_next_command(const char **line)
{
	const char *end = *line;
	char quote = '\0';
	if (!*end)
		return NULL;
	for (; *end && (quote || *end != ';'); end++) {
		if (*end == '\\' && quote != '\'' && end[1])
			end++;
		else if (quote ? *end == quote : *end == '"' || *end == '\'')
			quote = quote ? '\0' : *end;
	}
	char *command = strndup(*line, (size_t)(end - *line));
	if (!command)
		abort();
	*line = *end ? end + 1 : end;
	return command;
}
