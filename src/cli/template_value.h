/* Values while a template runs; private to template_*.c. */
#pragma once

#include "cli/template_tree.h"

struct template_value {
	json_t *json;			  /* borrowed from the input or the run; NULL: no value */
	const struct template_type *type; /* NULL: objects are maps */
	const struct template_object_type *object_type;
	const void *object;
	bool is_text_map; /* a map whose missing entries are "" */
	bool is_boxed;	  /* out of a map or list of anything: Go calls it interface {} */
};

struct variable {
	const char *name;
	struct template_value value;
};

/* One execution. What it makes lives until it ends. */
struct template_run {
	const struct template *template;
	const struct template_input *input;
	struct buffer *output;
	struct error *err;
	json_t *made; /* array that owns */
	struct variable *variables;
	size_t variable_count;
	bool breaks, continues;
	size_t steps; /* of ranges: bounded */
};

struct template_value template_keep(struct template_run *run, json_t *owned);
bool template_is_true(const struct template_value *value);
/* As fmt.Print writes it. */
void template_print(const struct template_value *value, struct buffer *output);
void template_print_json(const json_t *json, struct buffer *output);
const char *template_type_name(const struct template_value *value);

/* Calls a function; what is wrong is said without place: the caller adds it. 0 or -1. */
int template_call(struct template_run *run, const char *name, const struct template_value *arguments, size_t count,
		  struct template_value *ret_value, char *message, size_t message_size);
/* fmt.Sprintf, owned by the caller. */
char *template_printf(const char *format, const struct template_value *arguments, size_t count);
