/* Shared by the lint*.c files only. */
#pragma once

#include "build/lint.h"

/* Where the rule is not skipped. */
void lint_add(struct lint *lint, enum lint_rule rule, unsigned first_line, unsigned last_line, const char *format, ...)
	PRINTF_LIKE(5, 6);
#define lint_warn(lint, rule, instruction, ...)                                                                        \
	lint_add(lint, rule, (instruction)->first_line, (instruction)->last_line, __VA_ARGS__)

/* The instruction's name as it was written; owned by the caller. */
char *lint_written_name(const struct instruction *instruction);
/* " (did you mean $X?)" with the nearest of the keys of the lists (KEY=VALUE or KEY), or ""; owned by the caller. */
char *lint_suggestion(const char *name, const char *prefix, const struct string_list *const *lists, size_t count);

/* lint_text.c: casing, continuations, old forms. */
void lint_text(struct lint *lint);
/* lint_from.c: FROM's image and platform. */
void lint_from(struct lint *lint);
void lint_base_platform(struct lint *lint, const struct build_stage *stage, const struct platform *actual);
/* lint_variables.c: what is set neither in the expansion nor declared by an ARG without a value. */
void lint_variables(struct lint *lint, const struct instruction *instruction, const struct expansion *expansion,
		    const struct string_list *declared);
void lint_secret(struct lint *lint, const struct instruction *instruction, const char *key);
