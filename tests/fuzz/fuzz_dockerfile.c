/*
 * The texts that a build reads: Dockerfile (lexer, parser, checks, stages), words with variables, .dockerignore and
 * patterns. The first byte chooses. What is checked beyond the sanitizers: whatever is accepted can be released, spans
 * of lines are in order, and a second run over the same bytes agrees with the first.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "build/expand.h"
#include "build/ignore.h"
#include "build/instruction.h"
#include "build/lint.h"
#include "build/match.h"
#include "build/path.h"
#include "build/stages.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void fuzz_dockerfile(const char *text, size_t size)
{
	cleanup_dockerfile struct dockerfile dockerfile = {0};
	struct error err = {0};
	unsigned first, last;
	if (dockerfile_parse(text, size, &dockerfile, &first, &last, &err) < 0) {
		if (!err.message[0] || last < first)
			abort();
		return;
	}
	for (size_t i = 0; i < dockerfile.count; i++)
		if (!dockerfile.items[i].first_line || dockerfile.items[i].last_line < dockerfile.items[i].first_line)
			abort();
	cleanup_string_list struct string_list given = {0}, consumed = {0};
	cleanup_stage_graph struct stage_graph graph = {0};
	const struct instruction *culprit;
	cleanup_lint struct lint lint = {.dockerfile = &dockerfile, .build_arguments = &given, .all_stages = true};
	if (lint_begin(&lint, NULL) < 0 ||
	    stage_graph_build(&dockerfile, &given, &(struct stage_options){0}, &consumed, &graph, &culprit, &err) < 0)
		return;
	lint_stages(&lint, &graph, &culprit, NULL);
	lint_sort(&lint);
	for (size_t i = 0; i < lint.count; i++)
		if (!lint.warnings[i].first_line || lint.warnings[i].last_line < lint.warnings[i].first_line)
			abort();
}

static void fuzz_expand(const char *text)
{
	cleanup_string_list struct string_list environment = {0}, words = {0};
	string_list_add(&environment, "A=one two");
	string_list_add(&environment, "EMPTY=");
	struct expansion expansion = {.environment = &environment, .escape = '\\'};
	cleanup_free char *once = NULL, *twice = NULL, *content = NULL;
	int first = expand_word(&expansion, text, &once, NULL);
	int second = expand_word(&expansion, text, &twice, NULL);
	if (first != second || (first == 0 && strcmp(once, twice) != 0))
		abort();
	expand_words(&expansion, text, &words, NULL);
	expand_content(&expansion, text, &content, NULL);
}

static void fuzz_ignore(const char *text, size_t size)
{
	static const char *const paths[] = {"a", "a/b", "a/b/c.txt", "node_modules/x/y", ".git/config", "\xc3\xbc/x"};
	cleanup_ignore_list struct ignore_list list = {0};
	if (ignore_parse(text, size, &list, NULL) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		ignore_matches(&list, paths[i]);
		ignore_may_hold_exceptions(&list, paths[i]);
	}
}

/* PATTERN, a line's end, NAME. */
static void fuzz_match(char *text)
{
	char *name = strchr(text, '\n');
	if (!name)
		return;
	*name++ = '\0';
	cleanup_free char *clean = path_clean(name);
	cleanup_free char *again = path_clean(clean);
	if (strcmp(clean, again) != 0)
		abort();
	cleanup_match struct match_pattern *pattern = NULL;
	if (match_compile(text, MATCH_GO, &pattern, NULL) == 0)
		match_test(pattern, name, strlen(name));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (size < 1)
		return 0;
	cleanup_free char *text = duplicate_bytes(bytes + 1, size - 1);
	switch (bytes[0] % 4) {
	case 0:
		fuzz_dockerfile(text, size - 1);
		break;
	case 1:
		fuzz_expand(text);
		break;
	case 2:
		fuzz_ignore(text, size - 1);
		break;
	default:
		fuzz_match(text);
		break;
	}
	return 0;
}
