/*
 * The part of TOML (v1.0) that registries.conf needs: comments, [table] and [[array of tables]] with bare names, and
 * KEY = VALUE, where a key is bare or quoted, and a value a "basic" or 'literal' string of one line, true or false, a
 * decimal integer, or an array of strings. Everything else of TOML is refused, with the line's number, rather than
 * guessed: inline tables, dotted keys, strings of several lines, dates, floats.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/string_list.h"

#define TOML_SIZE_LIMIT	 ((size_t)1024 * 1024)
#define TOML_TEXT_LIMIT	 ((size_t)4096) /* bytes of a key, a table's name, a string */
#define TOML_ARRAY_LIMIT 1024

enum toml_type { TOML_STRING, TOML_BOOLEAN, TOML_INTEGER, TOML_ARRAY };

struct toml_value {
	enum toml_type type;
	char *text;
	bool boolean;
	int64_t integer;
	struct string_list strings;
};

/* Called in the order of the text; a failure ends the reading and gets the line's number. */
struct toml_reader {
	int (*on_table)(void *context, const char *name, bool is_array, struct error *err);
	int (*on_value)(void *context, const char *key, const struct toml_value *value, struct error *err);
	void *context;
};

int toml_read(const char *text, size_t size, const struct toml_reader *reader, struct error *err);
