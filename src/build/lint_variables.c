/* Rules about the names of variables: those that nobody set, and those that sound like a secret. */
#include <string.h>
#include <strings.h>

#include "build/lint_internal.h"

static void expand_list(const struct expansion *expansion, const struct string_list *words)
{
	for (size_t i = 0; i < words->count; i++) {
		struct error ignored = {0};
		cleanup_free char *text = NULL;
		expand_word(expansion, words->items[i], &text, &ignored);
	}
}

static void expand_one(const struct expansion *expansion, char *word)
{
	const struct string_list list = {&word, word != NULL};
	expand_list(expansion, &list);
}

/* Every word in which BuildKit replaces variables, for the sake of the names that are missing. */
static void find_missing(const struct instruction *instruction, const struct expansion *expansion)
{
	switch (instruction->kind) {
	case INSTRUCTION_ADD:
	case INSTRUCTION_COPY:
		expand_one(expansion, instruction->chown);
		expand_one(expansion, instruction->chmod);
		for (size_t i = 0; i < instruction->heredoc_count; i++) {
			struct error ignored = {0};
			cleanup_free char *text = NULL;
			if (instruction->heredocs[i].expand)
				expand_content(expansion, instruction->heredocs[i].content, &text, &ignored);
		}
		expand_list(expansion, &instruction->arguments);
		break;
	case INSTRUCTION_STOPSIGNAL:
	case INSTRUCTION_USER:
	case INSTRUCTION_VOLUME:
	case INSTRUCTION_WORKDIR:
		expand_list(expansion, &instruction->arguments);
		break;
	case INSTRUCTION_ARG:
	case INSTRUCTION_ENV:
	case INSTRUCTION_LABEL:
		for (size_t i = 0; i < instruction->pair_count; i++) {
			expand_one(expansion, instruction->pairs[i].key);
			expand_one(expansion, instruction->pairs[i].value);
		}
		break;
	case INSTRUCTION_RUN:
		expand_list(expansion, &instruction->mounts);
		break;
	default:
		break;
	}
}

void lint_variables(struct lint *lint, const struct instruction *instruction, const struct expansion *expansion,
		    const struct string_list *declared)
{
	cleanup_string_list struct string_list missing = {0};
	struct expansion watched = *expansion;
	watched.missing = &missing;
	find_missing(instruction, &watched);
	for (size_t i = 0; i < missing.count; i++) {
		const char *name = missing.items[i];
		if (string_list_contains(declared, name) || strncmp(name, "BUILDKIT_SBOM_SCAN_", 19) == 0)
			continue;
		const struct string_list *const lists[] = {expansion->environment, expansion->arguments};
		cleanup_free char *suggestion = lint_suggestion(name, "$", lists, ARRAY_SIZE(lists));
		lint_warn(lint, LINT_UNDEFINED_VAR, instruction, "Usage of undefined variable '$%s'%s", name,
			  suggestion);
	}
}

/* Whether one of the words that '_' separates is in the table, whatever its case. */
static bool has_word(const char *key, const char *const *table)
{
	for (const char *at = key; *at;) {
		size_t length = strcspn(at, "_");
		for (size_t i = 0; table[i]; i++)
			if (strlen(table[i]) == length && strncasecmp(table[i], at, length) == 0)
				return true;
		at += length + (at[length] == '_');
	}
	return false;
}

void lint_secret(struct lint *lint, const struct instruction *instruction, const char *key)
{
	static const char *const secret[] = {"apikey", "auth",	 "credential", "credentials", "key", "password",
					     "pword",  "passwd", "secret",     "token",	      NULL};
	static const char *const harmless[] = {"public", "file", "version", NULL};
	if (has_word(key, secret) && !has_word(key, harmless))
		lint_warn(lint, LINT_SECRETS_USED_IN_ARG_OR_ENV, instruction,
			  "Do not use ARG or ENV instructions for sensitive data (%s \"%s\")",
			  instruction_name(instruction->kind), key);
}
