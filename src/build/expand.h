/*
 * Variables and quotes in the words of a Dockerfile ("Environment replacement" of the Dockerfile reference):
 *
 *     $NAME ${NAME} ${NAME:-word} ${NAME-word} ${NAME:+word} ${NAME+word} ${NAME:?word} ${NAME?word}
 *     ${NAME#pattern} ${NAME##pattern} ${NAME%pattern} ${NAME%%pattern} ${NAME/pattern/text} ${NAME//pattern/text}
 *
 * Single quotes keep everything as it is; in double quotes the escape character works before ", $ and itself; outside
 * it takes the next character as it is. Quotes are taken away. A name that is not set is empty. In patterns, and in
 * what replaces them, the escape character stays (match.h: MATCH_SHELL).
 *
 * A message begins with the word: failed to process "${A:?}": A: is not allowed to be unset.
 *
 * ADD, ARG, COPY, ENV, EXPOSE, FROM, LABEL, STOPSIGNAL, USER, VOLUME and WORKDIR are expanded; RUN, CMD, ENTRYPOINT,
 * HEALTHCHECK and SHELL are not: there the shell does it.
 */
#pragma once

#include "base/error.h"
#include "base/string_list.h"

#define EXPAND_SIZE_LIMIT    ((size_t)1024 * 1024)
#define EXPAND_DEPTH_LIMIT   32
#define EXPAND_MISSING_LIMIT 100 /* names */

struct expansion {
	const struct string_list *environment; /* KEY=VALUE; comes before arguments of the same name. May be NULL */
	const struct string_list *arguments;   /* KEY=VALUE; may be NULL */
	char escape;
	struct string_list *missing; /* not NULL: the first names that are not set are added, each once */
};

/* One word; white space stays. Owned by the caller. */
int expand_word(const struct expansion *expansion, const char *text, char **ret_text, struct error *err);
/* Splits at white space that is not quoted, also at that which a variable brings. Adds to the list what is not empty.
 */
int expand_words(const struct expansion *expansion, const char *text, struct string_list *words, struct error *err);
/* For people: quotes stay, and so does a variable that is not set. */
int expand_shown(const struct expansion *expansion, const char *text, char **ret_text, struct error *err);
/* For the content of a heredoc: quotes are characters as any, and '\\' takes the next one as it is. */
int expand_content(const struct expansion *expansion, const char *text, char **ret_text, struct error *err);
