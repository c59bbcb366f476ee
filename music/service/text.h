/*
 * Answers as bytes: made once, held by everyone who is sending them, freed by the last. And what makes them: a builder
 * that writes JSON.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct text {
	unsigned references; /* atomic */
	size_t size;
	char bytes[]; /* a NUL is behind them */
};

struct text *text_new(const char *bytes, size_t size);
struct text *text_from(const char *string);
struct text *text_hold(struct text *text);
/* NULL is fine. */
void text_drop(struct text *text);

/* Starts as {0}; text_of_builder() ends it. */
struct builder {
	struct text *text;
	size_t allocated;
};

void builder_add(struct builder *builder, const void *bytes, size_t size);
void builder_add_string(struct builder *builder, const char *string);
void builder_add_format(struct builder *builder, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* With quotes and escapes. The string is UTF-8. */
void builder_add_json(struct builder *builder, const char *string);
/* Owned by the caller; the builder is empty after. */
struct text *text_of_builder(struct builder *builder);

/* RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. */
bool utf8_is_valid(const char *string);
/* Lower case, for a search: ASCII, Latin, Greek and Cyrillic, in place and of the same length. */
void utf8_fold(char *string);
