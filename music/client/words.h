/* A command line's words: split at blanks, "…" or '…' keeps blanks, a backslash keeps the next character. */
#pragma once

#include <stddef.h>

#define WORD_LIMIT 16

struct words {
	char *items[WORD_LIMIT]; /* point into text */
	size_t count;
	char *text; /* owned */
};

/* NULL, or what is wrong with the line. */
const char *words_split(const char *line, struct words *ret_words);
/* Cuts the first command off *line, at a ';' outside quotes: NULL at the end, else owned by the caller. */
char *words_next_command(const char **line);
void words_release(struct words *words);
