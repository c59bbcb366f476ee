/* What a template is once it is parsed; private to template_*.c. */
#pragma once

#include "cli/template.h"

#define TEMPLATE_DEPTH_LIMIT 100

enum token_kind {
	TOKEN_TEXT,
	TOKEN_LEFT,
	TOKEN_RIGHT,
	TOKEN_SPACE,
	TOKEN_DECLARE,
	TOKEN_ASSIGN,
	TOKEN_PIPE,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA,
	TOKEN_DOT,
	TOKEN_FIELD,
	TOKEN_VARIABLE,
	TOKEN_WORD, /* a name, or a keyword */
	TOKEN_NUMBER,
	TOKEN_CHARACTER,
	TOKEN_STRING,
	TOKEN_RAW_STRING,
	TOKEN_ERROR, /* the last one; message in the list */
	TOKEN_END,   /* the last one */
};

struct token {
	enum token_kind kind;
	size_t at; /* offset in the template's text */
	size_t length;
};

struct token_list {
	struct token *items;
	size_t count;
	char message[128]; /* of TOKEN_ERROR */
};

/* Never fails: what is wrong is the last token. */
void template_lex(const char *text, struct token_list *ret_tokens);

enum node_kind {
	NODE_LIST,
	NODE_TEXT,
	NODE_ACTION,
	NODE_IF,
	NODE_WITH,
	NODE_RANGE,
	NODE_BREAK,
	NODE_CONTINUE,
	NODE_PIPE,
	NODE_COMMAND,
	NODE_FIELD,
	NODE_CHAIN,
	NODE_FUNCTION,
	NODE_VARIABLE,
	NODE_DOT,
	NODE_NIL,
	NODE_LITERAL, /* boolean, number, string */
};

struct node {
	enum node_kind kind;
	size_t at;		  /* offset in the text, for messages */
	char *text;		  /* as written: text, literal, name of a function */
	struct string_list names; /* of a field, a chain, a variable (its own, then fields), a pipe's declarations */
	bool is_assignment;	  /* of a pipe */
	json_t *literal;	  /* owned */
	struct node **children;	  /* nodes of a list, commands of a pipe, words of a command, the head of a chain */
	size_t child_count;
	struct node *pipe, *then, *otherwise; /* of actions */
};

struct template
{
	char *text;
	struct node *root;
};

void node_free(struct node *node);
/* As Go prints it, owned by the caller. */
char *node_text(const struct node *node);
/* "LINE:COLUMN" */
void template_place(const struct template *template, size_t at, size_t *ret_line, size_t *ret_column);

bool template_has_function(const char *name);
