/*
 * Runs a tree. The first mistake ends it, with Go's words and the place of the node it is about.
 */
#include <string.h>

#include "cli/template_value.h"

#define STEP_LIMIT 100000 /* turns of all ranges together */

static int fail_at(struct template_run *run, const struct node *node, const char *format, ...) PRINTF_LIKE(3, 4);
static int fail_at(struct template_run *run, const struct node *node, const char *format, ...)
{
	va_list arguments;
	char message[512];
	size_t line, column;
	cleanup_free char *text = node_text(node);
	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	template_place(run->template, node->at, &line, &column);
	return error_set(run->err, ERROR_INVALID, "template: :%zu:%zu: executing \"\" at <%s>: %s", line, column, text,
			 message);
}

static bool is_listed(const char *const *list, const char *name)
{
	for (; list && *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

/* What a member of `from` is. */
static struct template_value member_of(const struct template_value *from, const char *name, json_t *json)
{
	struct template_value member = {.json = json};
	if (!from->type)
		member.is_boxed =
			!from->is_text_map && (json_is_object(json) || json_is_string(json) || json_is_number(json) ||
					       json_is_boolean(json) || json_is_null(json));
	else if (name && is_listed(from->type->maps, name))
		member.is_text_map = true;
	else
		member.type = from->type;
	return member;
}

static int field_of(struct template_run *run, const struct node *node, const char *name, const char *argument,
		    const struct template_value *from, struct template_value *ret_value)
{
	if (from->object_type) {
		json_t *made = from->object_type->member(from->object, name, argument);
		if (!made)
			return fail_at(run, node, "can't evaluate field %s in type %s", name, from->object_type->name);
		*ret_value = template_keep(run, made);
		return 0;
	}
	if (argument)
		return fail_at(run, node, "%s is not a method but has arguments", name);
	if (!from->json) {
		if (run->input->missing_key_is_error)
			return fail_at(run, node, "nil data; no entry for key \"%s\"", name);
		*ret_value = (struct template_value){0};
		return 0;
	}
	if (json_is_null(from->json))
		return fail_at(run, node, "nil pointer evaluating %s.%s", template_type_name(from), name);
	if (!json_is_object(from->json))
		return fail_at(run, node, "can't evaluate field %s in type %s", name, template_type_name(from));
	json_t *json = json_object_get(from->json, name);
	if (!json && from->type) {
		if (!is_listed(from->type->optional, name))
			return fail_at(run, node, "can't evaluate field %s in type %s", name, from->type->name);
		json = json_null();
	}
	if (!json && run->input->missing_key_is_error)
		return fail_at(run, node, "map has no entry for key \"%s\"", name);
	*ret_value = json ? member_of(from, name, json) : (struct template_value){0};
	return 0;
}

static int eval_pipe(struct template_run *run, const struct node *pipe, const struct template_value *dot,
		     struct template_value *ret_value);

static int eval_command(struct template_run *run, const struct node *command, const struct template_value *dot,
			const struct template_value *final, struct template_value *ret_value);

/* A word that is an argument, or stands alone. */
static int eval_operand(struct template_run *run, const struct node *node, const struct template_value *dot,
			struct template_value *ret_value)
{
	struct node *words[] = {(struct node *)node};
	const struct node command = {.kind = NODE_COMMAND, .at = node->at, .children = words, .child_count = 1};
	if (node->kind == NODE_NIL) {
		*ret_value = (struct template_value){0};
		return 0;
	}
	return eval_command(run, &command, dot, NULL, ret_value);
}

/* The names behind a head; the last may be a method with an argument. */
static int eval_fields(struct template_run *run, const struct node *node, size_t first, const char *argument,
		       const struct template_value *head, struct template_value *ret_value)
{
	struct template_value value = *head;
	for (size_t i = first; i < node->names.count; i++)
		if (field_of(run, node, node->names.items[i], i + 1 == node->names.count ? argument : NULL, &value,
			     &value) < 0)
			return -1;
	*ret_value = value;
	return 0;
}

static struct template_value *find_variable(struct template_run *run, const char *name)
{
	for (size_t i = run->variable_count; i > 0; i--)
		if (strcmp(run->variables[i - 1].name, name) == 0)
			return &run->variables[i - 1].value;
	return NULL;
}

/* `and` and `or`: the first that decides, and no further one is looked at. */
static int eval_junction(struct template_run *run, const struct node *command, bool is_and,
			 const struct template_value *dot, const struct template_value *final,
			 struct template_value *ret_value)
{
	if (command->child_count + (final != NULL) < 2)
		return fail_at(run, command->children[0], "wrong number of args for %s: want at least 1 got 0",
			       command->children[0]->text);
	for (size_t i = 1; i < command->child_count; i++) {
		if (eval_operand(run, command->children[i], dot, ret_value) < 0)
			return -1;
		if (template_is_true(ret_value) != is_and)
			return 0;
	}
	if (final)
		*ret_value = *final;
	return 0;
}

static int eval_function(struct template_run *run, const struct node *command, const struct template_value *dot,
			 const struct template_value *final, struct template_value *ret_value)
{
	const struct node *name = command->children[0];
	char message[512];
	if (strcmp(name->text, "and") == 0 || strcmp(name->text, "or") == 0)
		return eval_junction(run, command, name->text[0] == 'a', dot, final, ret_value);
	size_t count = command->child_count - 1;
	cleanup_free struct template_value *arguments = allocate_array(count + 1, sizeof *arguments);
	for (size_t i = 0; i < count; i++)
		if (eval_operand(run, command->children[i + 1], dot, &arguments[i]) < 0)
			return -1;
	if (final)
		arguments[count++] = *final;
	if (template_call(run, name->text, arguments, count, ret_value, message, sizeof message) < 0)
		return fail_at(run, name, "%s", message);
	return 0;
}

/* The one text that a method takes: written behind it, or piped into it. *ret_text stays NULL where there is none. */
static int eval_argument(struct template_run *run, const struct node *command, const struct template_value *dot,
			 const struct template_value *final, const char **ret_text)
{
	const struct node *first = command->children[0];
	struct template_value argument = {0};
	size_t count = command->child_count - 1 + (final != NULL);
	if (count == 0)
		return 0;
	if (first->names.count == 0 || count > 1)
		return fail_at(run, first, "wrong number of args: want 1 got %zu", count);
	if (final)
		argument = *final;
	else if (eval_operand(run, command->children[1], dot, &argument) < 0)
		return -1;
	*ret_text = json_string_value(argument.json);
	if (!*ret_text)
		return fail_at(run, first, "wrong type for value; expected string; got %s",
			       template_type_name(&argument));
	return 0;
}

static int eval_command(struct template_run *run, const struct node *command, const struct template_value *dot,
			const struct template_value *final, struct template_value *ret_value)
{
	const struct node *first = command->children[0];
	const char *argument = NULL;
	struct template_value head = *dot;
	if (first->kind == NODE_FUNCTION)
		return eval_function(run, command, dot, final, ret_value);
	if (first->kind == NODE_FIELD || first->kind == NODE_VARIABLE || first->kind == NODE_CHAIN) {
		if (eval_argument(run, command, dot, final, &argument) < 0)
			return -1;
		if (first->kind == NODE_VARIABLE) {
			/* "{{$x := $x}}": known to the parser, without a value yet. */
			const struct template_value *variable = find_variable(run, first->names.items[0]);
			if (!variable)
				return fail_at(run, first, "undefined variable: %s", first->names.items[0]);
			head = *variable;
		}
		if (first->kind == NODE_VARIABLE && argument && first->names.count == 1)
			return fail_at(run, first, "can't give argument to non-function %s", first->names.items[0]);
		if (first->kind == NODE_CHAIN && eval_operand(run, first->children[0], dot, &head) < 0)
			return -1;
		return eval_fields(run, first, first->kind == NODE_VARIABLE, argument, &head, ret_value);
	}
	if (command->child_count > 1 || final) {
		cleanup_free char *text = node_text(first);
		return fail_at(run, first, "can't give argument to non-function %s", text);
	}
	switch (first->kind) {
	case NODE_PIPE:
		return eval_pipe(run, first, dot, ret_value);
	case NODE_NIL:
		return fail_at(run, first, "nil is not a command");
	case NODE_LITERAL:
		*ret_value = (struct template_value){.json = first->literal};
		return 0;
	default:
		*ret_value = *dot;
		return 0;
	}
}

static void push_variable(struct template_run *run, const char *name, const struct template_value *value)
{
	run->variables = reallocate_array(run->variables, run->variable_count + 1, sizeof *run->variables);
	run->variables[run->variable_count++] = (struct variable){name, *value};
}

static void set_variable(struct template_run *run, const struct node *pipe, size_t index,
			 const struct template_value *value)
{
	if (pipe->is_assignment)
		*find_variable(run, pipe->names.items[index]) = *value;
	else
		push_variable(run, pipe->names.items[index], value);
}

/* The value alone, without the declarations, which a range has its own way with. */
static int eval_commands(struct template_run *run, const struct node *pipe, const struct template_value *dot,
			 struct template_value *ret_value)
{
	struct template_value value = {0};
	for (size_t i = 0; i < pipe->child_count; i++) {
		const struct template_value before = value;
		if (eval_command(run, pipe->children[i], dot, i ? &before : NULL, &value) < 0)
			return -1;
	}
	*ret_value = value;
	return 0;
}

static int eval_pipe(struct template_run *run, const struct node *pipe, const struct template_value *dot,
		     struct template_value *ret_value)
{
	if (eval_commands(run, pipe, dot, ret_value) < 0)
		return -1;
	if (pipe->names.count > 0)
		set_variable(run, pipe, pipe->names.count - 1, ret_value);
	return 0;
}

static int run_list(struct template_run *run, const struct node *list, const struct template_value *dot);

/* One turn. Returns 1 where {{break}} ends the range. */
static int run_turn(struct template_run *run, const struct node *node, json_t *key, const struct template_value *item)
{
	size_t variables = run->variable_count;
	const struct template_value index = {.json = key};
	const struct node *pipe = node->pipe;
	if (++run->steps > STEP_LIMIT)
		return error_set(run->err, ERROR_LIMIT, "template: more than %d turns", STEP_LIMIT);
	if (pipe->names.count == 2)
		set_variable(run, pipe, 0, &index);
	if (pipe->names.count > 0)
		set_variable(run, pipe, pipe->names.count - 1, item);
	if (run_list(run, node->then, item) < 0)
		return -1;
	bool breaks = run->breaks;
	run->breaks = run->continues = false;
	run->variable_count = variables;
	return breaks;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int run_range_over_map(struct template_run *run, const struct node *node, const struct template_value *value)
{
	const char *name;
	json_t *member;
	size_t count = 0;
	cleanup_free const char **names = allocate_array(json_object_size(value->json) + 1, sizeof *names);
	json_object_foreach(value->json, name, member) names[count++] = name;
	qsort(names, count, sizeof *names, compare_keys);
	int result = 0;
	for (size_t i = 0; i < count && result == 0; i++) {
		const struct template_value item = member_of(value, names[i], json_object_get(value->json, names[i]));
		const struct template_value key = template_keep(run, json_string_nocheck(names[i]));
		result = run_turn(run, node, key.json, &item);
	}
	return result < 0 ? -1 : 0;
}

static int run_range(struct template_run *run, const struct node *node, const struct template_value *dot)
{
	struct template_value value;
	int result = 0;
	if (eval_commands(run, node->pipe, dot, &value) < 0)
		return -1;
	/* What {{else}} sees of them. */
	for (size_t i = 0; i < node->pipe->names.count; i++)
		if (!node->pipe->is_assignment)
			push_variable(run, node->pipe->names.items[i], &value);
	bool is_nothing = !value.json || json_is_null(value.json);
	if (json_is_object(value.json) && !value.type && json_object_size(value.json) > 0)
		return run_range_over_map(run, node, &value);
	if (json_is_array(value.json) && json_array_size(value.json) > 0) {
		for (size_t i = 0; i < json_array_size(value.json) && result == 0; i++) {
			const struct template_value item = member_of(&value, NULL, json_array_get(value.json, i));
			result = run_turn(run, node, template_keep(run, json_integer((json_int_t)i)).json, &item);
		}
		return result < 0 ? -1 : 0;
	}
	if (json_is_integer(value.json) && json_integer_value(value.json) > 0) {
		for (json_int_t i = 0; i < json_integer_value(value.json) && result == 0; i++) {
			const struct template_value item = template_keep(run, json_integer(i));
			result = run_turn(run, node, item.json, &item);
		}
		return result < 0 ? -1 : 0;
	}
	bool can_be = is_nothing || json_is_array(value.json) || json_is_integer(value.json) ||
		      (json_is_object(value.json) && !value.type);
	if (!can_be || value.object_type) {
		cleanup_buffer struct buffer text = BUFFER_INIT(TEMPLATE_OUTPUT_LIMIT);
		template_print(&value, &text);
		return fail_at(run, node->pipe, "range can't iterate over %s", buffer_text(&text));
	}
	return node->otherwise ? run_list(run, node->otherwise, dot) : 0;
}

static int run_condition(struct template_run *run, const struct node *node, const struct template_value *dot)
{
	struct template_value value;
	if (eval_pipe(run, node->pipe, dot, &value) < 0)
		return -1;
	if (template_is_true(&value))
		return run_list(run, node->then, node->kind == NODE_WITH ? &value : dot);
	return node->otherwise ? run_list(run, node->otherwise, dot) : 0;
}

/* {{.Name}} of a row, which nearly all of every list is made of; anything else goes the long way. */
static bool print_member(const struct template_run *run, const struct node *pipe, const struct template_value *dot)
{
	if (!dot->object_type || pipe->names.count || pipe->child_count != 1 || pipe->children[0]->child_count != 1)
		return false;
	const struct node *field = pipe->children[0]->children[0];
	return field->kind == NODE_FIELD && field->names.count == 1 &&
	       dot->object_type->print(dot->object, field->names.items[0], run->output);
}

static int run_node(struct template_run *run, const struct node *node, const struct template_value *dot)
{
	struct template_value value;
	size_t variables = run->variable_count;
	int result = 0;
	switch (node->kind) {
	case NODE_TEXT:
		return buffer_append_string(run->output, node->text, run->err);
	case NODE_ACTION:
		if (print_member(run, node->pipe, dot))
			return 0;
		if (eval_pipe(run, node->pipe, dot, &value) < 0)
			return -1;
		if (node->pipe->names.count == 0)
			template_print(&value, run->output);
		return 0;
	case NODE_BREAK:
		run->breaks = true;
		return 0;
	case NODE_CONTINUE:
		run->continues = true;
		return 0;
	case NODE_RANGE:
		result = run_range(run, node, dot);
		break;
	default:
		result = run_condition(run, node, dot);
	}
	run->variable_count = variables;
	return result;
}

static int run_list(struct template_run *run, const struct node *list, const struct template_value *dot)
{
	for (size_t i = 0; i < list->child_count && !run->breaks && !run->continues; i++)
		if (run_node(run, list->children[i], dot) < 0)
			return -1;
	return 0;
}

int template_execute(const struct template *template, const struct template_input *input, struct buffer *output,
		     struct error *err)
{
	cleanup_json json_t *made = json_array();
	struct template_run run = {.template = template, .input = input, .output = output, .err = err, .made = made};
	const struct template_value dot = {
		.json = input->json, .type = input->type, .object_type = input->object_type, .object = input->object};
	push_variable(&run, "$", &dot);
	int result = run_list(&run, template->root, &dot);
	free(run.variables);
	return result;
}
