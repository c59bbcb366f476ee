/* Go's predefined functions and Docker's own. */
#include <ctype.h>
#include <string.h>

#include "cli/template_value.h"

struct call {
	struct template_run *run;
	const struct function *function;
	const struct template_value *arguments;
	size_t count;
	struct template_value *ret_value;
	char *message;
	size_t message_size;
};

struct function {
	const char *name;
	int minimum, maximum; /* of arguments; -1: any number */
	int (*call)(struct call *call);
	bool leaves_header; /* a title of a column passes unchanged */
};

static int fail(struct call *call, const char *format, ...) PRINTF_LIKE(2, 3);
static int fail(struct call *call, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(call->message, call->message_size, format, arguments);
	va_end(arguments);
	return -1;
}

static int give(struct call *call, json_t *owned)
{
	*call->ret_value = template_keep(call->run, owned);
	return 0;
}

static int give_text(struct call *call, const char *text, size_t size)
{
	return give(call, json_stringn_nocheck(text, size));
}

static int need_text(struct call *call, size_t index, const char **ret_text)
{
	*ret_text = json_string_value(call->arguments[index].json);
	if (*ret_text)
		return 0;
	return fail(call, "wrong type for value; expected string; got %s", template_type_name(&call->arguments[index]));
}

static int need_integer(struct call *call, size_t index, json_int_t *ret_number)
{
	if (!json_is_integer(call->arguments[index].json))
		return fail(call, "wrong type for value; expected int; got %s",
			    template_type_name(&call->arguments[index]));
	*ret_number = json_integer_value(call->arguments[index].json);
	return 0;
}

enum change { CHANGE_LOWER, CHANGE_UPPER, CHANGE_TITLE };

static int change_case(struct call *call, enum change change)
{
	const char *text;
	if (need_text(call, 0, &text) < 0)
		return -1;
	cleanup_free char *copy = duplicate_string(text);
	bool inside = false; /* of a word */
	for (char *at = copy; *at; at++) {
		if (change == CHANGE_LOWER)
			*at = (char)tolower((unsigned char)*at);
		else if (change == CHANGE_UPPER || !inside)
			*at = (char)toupper((unsigned char)*at);
		inside = isalnum((unsigned char)*at) || *at == '_' || *at == '\'' || (unsigned char)*at >= 0x80;
	}
	return give_text(call, copy, strlen(copy));
}

static int call_lower(struct call *call)
{
	return change_case(call, CHANGE_LOWER);
}

static int call_upper(struct call *call)
{
	return change_case(call, CHANGE_UPPER);
}

static int call_title(struct call *call)
{
	return change_case(call, CHANGE_TITLE);
}

static int call_json(struct call *call)
{
	const struct template_value *value = &call->arguments[0];
	cleanup_buffer struct buffer text = BUFFER_INIT(TEMPLATE_OUTPUT_LIMIT);
	cleanup_json json_t *all = value->object_type ? value->object_type->all(value->object) : NULL;
	const json_t *json = all ? all : value->json ? value->json : json_null();
	if (template_json(json, 0, !value->type, &text, NULL) < 0)
		return fail(call, "more than %zu bytes", TEMPLATE_OUTPUT_LIMIT);
	return give_text(call, buffer_text(&text), text.size);
}

static int call_split(struct call *call)
{
	const char *text, *separator;
	if (need_text(call, 0, &text) < 0 || need_text(call, 1, &separator) < 0)
		return -1;
	json_t *parts = json_array();
	size_t length = strlen(separator);
	for (const char *found; length > 0 && (found = strstr(text, separator)); text = found + length)
		json_array_append_new(parts, json_stringn_nocheck(text, (size_t)(found - text)));
	if (length > 0)
		json_array_append_new(parts, json_string_nocheck(text));
	for (; length == 0 && *text; text++)
		json_array_append_new(parts, json_stringn_nocheck(text, 1));
	return give(call, parts);
}

static int call_join(struct call *call)
{
	const char *separator;
	const json_t *list = call->arguments[0].json;
	cleanup_buffer struct buffer text = BUFFER_INIT(TEMPLATE_OUTPUT_LIMIT);
	if (!list || (!json_is_array(list) && !json_is_null(list)))
		return fail(call, "wrong type for value; expected []string; got %s",
			    template_type_name(&call->arguments[0]));
	if (need_text(call, 1, &separator) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(list); i++) {
		if ((i > 0 && buffer_append_string(&text, separator, NULL) < 0))
			return fail(call, "too long");
		template_print_json(json_array_get(list, i), &text);
	}
	return give_text(call, buffer_text(&text), text.size);
}

static int call_pad(struct call *call)
{
	const char *text;
	json_int_t before = 0, behind = 0;
	if (need_text(call, 0, &text) < 0 || need_integer(call, 1, &before) < 0 || need_integer(call, 2, &behind) < 0)
		return -1;
	if (before < 0 || behind < 0 || before > 10000 || behind > 10000)
		return fail(call, "width out of range");
	if (*text == '\0')
		return give_text(call, "", 0);
	cleanup_free char *padded = format_string("%*s%s%*s", (int)before, "", text, (int)behind, "");
	return give_text(call, padded, strlen(padded));
}

static int call_truncate(struct call *call)
{
	const char *text;
	json_int_t length = 0;
	if (need_text(call, 0, &text) < 0 || need_integer(call, 1, &length) < 0)
		return -1;
	size_t size = strlen(text);
	return give_text(call, text, length >= 0 && (size_t)length < size ? (size_t)length : size);
}

static int call_length(struct call *call)
{
	const json_t *json = call->arguments[0].json;
	if (json_is_string(json))
		return give(call, json_integer((json_int_t)json_string_length(json)));
	if (json_is_array(json))
		return give(call, json_integer((json_int_t)json_array_size(json)));
	if (json_is_object(json) && !call->arguments[0].type)
		return give(call, json_integer((json_int_t)json_object_size(json)));
	if (!json || json_is_null(json))
		return fail(call, "len of nil pointer");
	return fail(call, "len of type %s", template_type_name(&call->arguments[0]));
}

static int call_index(struct call *call)
{
	struct template_value at = call->arguments[0];
	if (!at.json)
		return fail(call, "index of untyped nil");
	for (size_t i = 1; i < call->count; i++) {
		const json_t *index = call->arguments[i].json;
		if (json_is_array(at.json)) {
			if (!json_is_integer(index))
				return fail(call, "cannot index slice/array with type %s",
					    template_type_name(&call->arguments[i]));
			json_int_t number = json_integer_value(index);
			if (number < 0 || (size_t)number >= json_array_size(at.json))
				return fail(call, "index out of range: %lld", (long long)number);
			at.json = json_array_get(at.json, (size_t)number);
		} else if (json_is_object(at.json) && !at.type) {
			if (!json_is_string(index))
				return fail(call, "value has type %s; should be string",
					    template_type_name(&call->arguments[i]));
			at.json = json_object_get(at.json, json_string_value(index));
			if (!at.json && at.is_text_map)
				at = template_keep(call->run, json_string(""));
		} else if (json_is_null(at.json) && at.is_text_map) {
			at = template_keep(call->run, json_string(""));
		} else if (!at.json || json_is_null(at.json)) {
			return fail(call, "index of nil pointer");
		} else {
			return fail(call, "can't index item of type %s", template_type_name(&at));
		}
		at.is_text_map = false;
	}
	*call->ret_value = at;
	return 0;
}

static int call_slice(struct call *call)
{
	const json_t *json = call->arguments[0].json;
	size_t length = json_is_string(json) ? json_string_length(json) : json_array_size(json);
	json_int_t bounds[2] = {0, (json_int_t)length};
	if (!json_is_string(json) && !json_is_array(json))
		return fail(call, "can't slice item of type %s", template_type_name(&call->arguments[0]));
	for (size_t i = 1; i < call->count && i <= ARRAY_SIZE(bounds); i++) {
		if (need_integer(call, i, &bounds[i - 1]) < 0)
			return -1;
		if (bounds[i - 1] < 0 || (size_t)bounds[i - 1] > length)
			return fail(call, "index out of range: %lld", (long long)bounds[i - 1]);
	}
	if (bounds[0] > bounds[1])
		return fail(call, "invalid slice index: %lld > %lld", (long long)bounds[0], (long long)bounds[1]);
	if (json_is_string(json))
		return give_text(call, json_string_value(json) + bounds[0], (size_t)(bounds[1] - bounds[0]));
	json_t *part = json_array();
	for (json_int_t i = bounds[0]; i < bounds[1]; i++)
		json_array_append(part, json_array_get(json, (size_t)i));
	return give(call, part);
}

static int print_all(struct call *call, bool is_line)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(TEMPLATE_OUTPUT_LIMIT);
	for (size_t i = 0; i < call->count; i++) {
		/* Print puts a space between two that are no strings, Println between any. */
		if (i > 0 && (is_line || (!json_is_string(call->arguments[i].json) &&
					  !json_is_string(call->arguments[i - 1].json))))
			buffer_append_string(&text, " ", NULL);
		if (call->arguments[i].json || call->arguments[i].object_type)
			template_print(&call->arguments[i], &text);
		else
			buffer_append_string(&text, "<nil>", NULL);
	}
	buffer_append_string(&text, is_line ? "\n" : "", NULL);
	return give_text(call, buffer_text(&text), text.size);
}

static int call_print(struct call *call)
{
	return print_all(call, false);
}

static int call_println(struct call *call)
{
	return print_all(call, true);
}

static int call_printf(struct call *call)
{
	const char *format;
	if (need_text(call, 0, &format) < 0)
		return -1;
	cleanup_free char *text = template_printf(format, call->arguments + 1, call->count - 1);
	return give_text(call, text, strlen(text));
}

/* html, js and urlquery: each byte that `escape` knows is written in another way. */
static int escape_all(struct call *call, const char *(*escape)(unsigned char byte, char room[8]))
{
	cleanup_buffer struct buffer result = BUFFER_INIT(TEMPLATE_OUTPUT_LIMIT);
	if (print_all(call, false) < 0)
		return -1;
	for (const char *at = json_string_value(call->ret_value->json); *at; at++) {
		char room[8] = {*at};
		buffer_append_string(&result, escape((unsigned char)*at, room), NULL);
	}
	return give_text(call, buffer_text(&result), result.size);
}

static const char *escape_html(unsigned char byte, char room[8])
{
	switch (byte) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&#34;";
	case '\'':
		return "&#39;";
	default:
		return room;
	}
}

static const char *escape_js(unsigned char byte, char room[8])
{
	if (byte == '\\' || byte == '\'' || byte == '"')
		snprintf(room, 8, "\\%c", byte);
	else if (strchr("<>&=", byte) || byte < 0x20)
		snprintf(room, 8, "\\u%04X", byte);
	return room;
}

static const char *escape_url(unsigned char byte, char room[8])
{
	if (byte == ' ')
		return "+";
	if (!isalnum(byte) && !strchr("-_.~", byte))
		snprintf(room, 8, "%%%02X", byte);
	return room;
}

static int call_html(struct call *call)
{
	return escape_all(call, escape_html);
}

static int call_js(struct call *call)
{
	return escape_all(call, escape_js);
}

static int call_urlquery(struct call *call)
{
	return escape_all(call, escape_url);
}

static int call_not(struct call *call)
{
	return give(call, json_boolean(!template_is_true(&call->arguments[0])));
}

enum basic { BASIC_NONE, BASIC_BOOLEAN, BASIC_INTEGER, BASIC_REAL, BASIC_TEXT };

static enum basic basic_of(const json_t *json)
{
	return json_is_boolean(json)   ? BASIC_BOOLEAN
	       : json_is_integer(json) ? BASIC_INTEGER
	       : json_is_real(json)    ? BASIC_REAL
	       : json_is_string(json)  ? BASIC_TEXT
				       : BASIC_NONE;
}

static bool is_nothing(const json_t *json)
{
	return !json || json_is_null(json);
}

static int call_eq(struct call *call)
{
	const json_t *first = call->arguments[0].json;
	if (call->count < 2)
		return fail(call, "missing argument for comparison");
	for (size_t i = 1; i < call->count; i++) {
		const json_t *other = call->arguments[i].json;
		if (is_nothing(first) || is_nothing(other)) {
			if (is_nothing(first) && is_nothing(other))
				return give(call, json_true());
			continue;
		}
		if (json_is_object(first) || json_is_array(first) || json_is_object(other) || json_is_array(other))
			return fail(call, "non-comparable type %s",
				    template_type_name(&call->arguments[basic_of(first) ? i : 0]));
		if (basic_of(first) != basic_of(other))
			return fail(call, "incompatible types for comparison");
		if (json_equal(first, other))
			return give(call, json_true());
	}
	return give(call, json_false());
}

static int call_ne(struct call *call)
{
	if (call_eq(call) < 0)
		return -1;
	return give(call, json_boolean(!json_is_true(call->ret_value->json)));
}

static int order(struct call *call, int *ret_order)
{
	const json_t *a = call->arguments[0].json, *b = call->arguments[1].json;
	enum basic kind = basic_of(a);
	if (kind == BASIC_NONE || kind == BASIC_BOOLEAN || basic_of(b) == BASIC_NONE)
		return fail(call, "invalid type for comparison");
	if (kind != basic_of(b))
		return fail(call, "incompatible types for comparison");
	if (kind == BASIC_TEXT)
		*ret_order = strcmp(json_string_value(a), json_string_value(b));
	else if (kind == BASIC_INTEGER)
		*ret_order = (json_integer_value(a) > json_integer_value(b)) -
			     (json_integer_value(a) < json_integer_value(b));
	else
		*ret_order = (json_real_value(a) > json_real_value(b)) - (json_real_value(a) < json_real_value(b));
	return 0;
}

static int call_lt(struct call *call)
{
	int result = 0;
	return order(call, &result) < 0 ? -1 : give(call, json_boolean(result < 0));
}

static int call_le(struct call *call)
{
	int result = 0;
	return order(call, &result) < 0 ? -1 : give(call, json_boolean(result <= 0));
}

static int call_gt(struct call *call)
{
	int result = 0;
	return order(call, &result) < 0 ? -1 : give(call, json_boolean(result > 0));
}

static int call_ge(struct call *call)
{
	int result = 0;
	return order(call, &result) < 0 ? -1 : give(call, json_boolean(result >= 0));
}

/* `and` and `or` stop early, so template_eval.c has them; these entries make their names known. */
static const struct function functions[] = {
	{"and", 1, -1, NULL, false},	       {"eq", 1, -1, call_eq, false},
	{"ge", 2, 2, call_ge, false},	       {"gt", 2, 2, call_gt, false},
	{"html", 0, -1, call_html, false},     {"index", 1, -1, call_index, false},
	{"join", 2, 2, call_join, true},       {"js", 0, -1, call_js, false},
	{"json", 1, 1, call_json, true},       {"le", 2, 2, call_le, false},
	{"len", 1, 1, call_length, false},     {"lower", 1, 1, call_lower, true},
	{"lt", 2, 2, call_lt, false},	       {"ne", 2, 2, call_ne, false},
	{"not", 1, 1, call_not, false},	       {"or", 1, -1, NULL, false},
	{"pad", 3, 3, call_pad, false},	       {"print", 0, -1, call_print, false},
	{"printf", 1, -1, call_printf, false}, {"println", 0, -1, call_println, false},
	{"slice", 1, 3, call_slice, false},    {"split", 2, 2, call_split, true},
	{"title", 1, 1, call_title, true},     {"truncate", 2, 2, call_truncate, true},
	{"upper", 1, 1, call_upper, true},     {"urlquery", 0, -1, call_urlquery, false},
};

static const struct function *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (strcmp(functions[i].name, name) == 0)
			return &functions[i];
	return NULL;
}

bool template_has_function(const char *name)
{
	return find(name) != NULL;
}

int template_call(struct template_run *run, const char *name, const struct template_value *arguments, size_t count,
		  struct template_value *ret_value, char *message, size_t message_size)
{
	const struct function *function = find(name);
	struct call call = {run, function, arguments, count, ret_value, message, message_size};
	if (function->maximum == function->minimum && count != (size_t)function->minimum)
		return fail(&call, "wrong number of args for %s: want %d got %zu", name, function->minimum, count);
	if (count < (size_t)function->minimum)
		return fail(&call, "wrong number of args for %s: want at least %d got %zu", name, function->minimum,
			    count);
	if (function->maximum >= 0 && count > (size_t)function->maximum)
		return fail(&call, "wrong number of args for %s: want at most %d got %zu", name, function->maximum,
			    count);
	if (function->leaves_header && run->input->is_header && json_is_string(arguments[0].json)) {
		*ret_value = arguments[0];
		return 0;
	}
	char reason[256];
	call.message = reason;
	call.message_size = sizeof reason;
	if (function->call(&call) == 0)
		return 0;
	call.message = message;
	call.message_size = message_size;
	return fail(&call, "error calling %s: %s", name, reason);
}
