/*
 * Words with variables. The first byte chooses the escape character, and whether it is one word, words, or a heredoc's
 * content. What is checked beyond the sanitizers: the same comes out twice, a message is about the word, a name that is
 * told as missing is not set, what is split has no empty word, and the two ends of a pattern agree with a whole match.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "build/expand.h"
#include "build/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static int expand(const struct expansion *expansion, int kind, const char *text, char **ret_text, struct error *err)
{
	if (kind == 0)
		return expand_word(expansion, text, ret_text, err);
	if (kind == 1)
		return expand_content(expansion, text, ret_text, err);
	cleanup_string_list struct string_list words = {0};
	if (expand_words(expansion, text, &words, err) < 0)
		return -1;
	for (size_t i = 0; i < words.count; i++)
		require(words.items[i][0]);
	*ret_text = string_list_join(&words, "\n");
	return 0;
}

static void fuzz_words(const char *text, int kind, char escape)
{
	cleanup_string_list struct string_list environment = {0}, arguments = {0}, missing = {0};
	string_list_add(&environment, "A=one two");
	string_list_add(&environment, "EMPTY=");
	string_list_add(&environment, "PATHS=/usr/lib/libx.so.1:/\xc3\xbc");
	string_list_add(&arguments, "B=*?[\\");
	struct expansion expansion = {&environment, &arguments, escape, &missing};
	cleanup_free char *once = NULL, *twice = NULL;
	struct error err = {0};
	int first = expand(&expansion, kind, text, &once, &err);
	require(first == expand(&expansion, kind, text, &twice, NULL));
	if (first < 0)
		require(strncmp(err.message, "failed to process \"", 19) == 0 && !once);
	else
		require(strcmp(once, twice) == 0);
	for (size_t i = 0; i < missing.count; i++)
		require(!string_list_get_key(&environment, missing.items[i]) &&
			!string_list_get_key(&arguments, missing.items[i]));
}

/* PATTERN, a line's end, VALUE. */
static void fuzz_pattern(char *text)
{
	char *value = strchr(text, '\n');
	cleanup_match struct match_pattern *pattern = NULL;
	if (!value)
		return;
	*value++ = '\0';
	if (match_compile(text, MATCH_SHELL, &pattern, NULL) < 0)
		return;
	size_t length = strlen(value);
	for (int longest = 0; longest < 2; longest++) {
		ptrdiff_t beginning = match_beginning(pattern, value, length, longest);
		ptrdiff_t ending = match_ending(pattern, value, length, longest);
		require(beginning < 0 || match_test(pattern, value, (size_t)beginning));
		require(ending < 0 || match_test(pattern, value + length - ending, (size_t)ending));
		if (match_test(pattern, value, length))
			require(beginning >= 0 && ending >= 0 &&
				(!longest || (beginning == ending && (size_t)beginning == length)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (size < 1)
		return 0;
	cleanup_free char *text = duplicate_bytes(bytes + 1, size - 1);
	int kind = bytes[0] % 4;
	if (kind == 3)
		fuzz_pattern(text);
	else
		fuzz_words(text, kind, bytes[0] & 4 ? '`' : '\\');
	return 0;
}
