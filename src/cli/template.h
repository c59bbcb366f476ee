/*
 * Go's text/template, as far as Docker's --format uses it, over JSON values.
 *
 *     cleanup_template struct template *template = NULL;
 *     if (template_parse("{{range .Names}}{{upper .}}{{end}}", &template, err) < 0) ...
 *     const struct template_input input = {.json = document};
 *     if (template_execute(template, &input, &text, err) < 0) ...
 *
 * Actions: pipelines, variables, if, with, range (index and element, else, break, continue), comments, trim markers.
 * Functions: and or not eq ne lt le gt ge len index slice print printf println html js urlquery, and Docker's json
 * join split lower upper title pad truncate. Not there: define, template, block, call, since no format can use them.
 *
 * Messages are Go's, with line and column: `template: :1:2: executing "" at <.Foo>: can't evaluate field Foo in type
 * *formatter.ContainerContext`. All are ERROR_INVALID. A template that is too long or too deep is ERROR_LIMIT.
 */
#pragma once

#include "base/buffer.h"
#include "base/json.h"

#define TEMPLATE_TEXT_LIMIT   ((size_t)64 * 1024)
#define TEMPLATE_OUTPUT_LIMIT ((size_t)64 * 1024 * 1024)

/* How Go sees the objects of a document. */
struct template_type {
	const char *name;	     /* of its structs, for messages: "*system.dockerInfo" */
	const char *const *maps;     /* members that are maps of text; NULL-terminated */
	const char *const *optional; /* members that are nil where the document has none; NULL-terminated */
};

/* A value whose members are made when they are asked for: a row of a table. */
struct template_object_type {
	const char *name; /* "*formatter.ContainerContext" */
	/*
	 * The member or method, owned by the caller; NULL: there is none of that name. `argument`: NULL, or the one
	 * text that a method such as .Label takes.
	 */
	json_t *(*member)(const void *object, const char *name, const char *argument);
	json_t *(*all)(const void *object); /* for {{json .}}, owned by the caller */
	/* Appends the member, which is a text, without a value in between; false: there is none of that name. */
	bool (*print)(const void *object, const char *name, struct buffer *output);
};

struct template_input {
	json_t *json;			  /* what "." is; borrowed */
	const struct template_type *type; /* of json; NULL: its objects are maps */
	const struct template_object_type *object_type;
	const void *object;	   /* what "." is where object_type is set */
	bool missing_key_is_error; /* of maps; else it is "<no value>" */
	bool is_header;		   /* Docker's functions that change a text leave a column's title as it is */
};

struct template;
int template_parse(const char *text, struct template **ret_template, struct error *err);
/* Appends. */
int template_execute(const struct template *template, const struct template_input *input, struct buffer *output,
		     struct error *err);
void template_free(struct template *template);
static inline void template_free_pointer(struct template **template)
{
	template_free(*template);
}
#define cleanup_template CLEANUP(template_free_pointer)

/* Go's encoding/json without the escapes for HTML; map keys stay in their order unless `sorted`. indent 0: one line. */
int template_json(const json_t *value, size_t indent, bool sorted, struct buffer *output, struct error *err);
