/* A node as Go prints it in messages. */
#include <string.h>

#include "base/memory.h"
#include "cli/template_tree.h"

static void add(struct buffer *text, const char *more)
{
	buffer_append_string(text, more, NULL);
}

static void print(const struct node *node, struct buffer *text)
{
	switch (node->kind) {
	case NODE_PIPE:
		for (size_t i = 0; i < node->names.count; i++) {
			add(text, i ? ", " : "");
			add(text, node->names.items[i]);
		}
		if (node->names.count > 0)
			add(text, node->is_assignment ? " = " : " := ");
		for (size_t i = 0; i < node->child_count; i++) {
			add(text, i ? " | " : "");
			print(node->children[i], text);
		}
		break;
	case NODE_COMMAND:
	case NODE_CHAIN:
		for (size_t i = 0; i < node->child_count; i++) {
			bool is_pipe = node->children[i]->kind == NODE_PIPE;
			add(text, i ? " " : "");
			add(text, is_pipe ? "(" : "");
			print(node->children[i], text);
			add(text, is_pipe ? ")" : "");
		}
		for (size_t i = 0; i < node->names.count; i++) {
			add(text, ".");
			add(text, node->names.items[i]);
		}
		break;
	case NODE_FIELD:
	case NODE_VARIABLE:
		for (size_t i = 0; i < node->names.count; i++) {
			add(text, i || node->kind == NODE_FIELD ? "." : "");
			add(text, node->names.items[i]);
		}
		break;
	case NODE_DOT:
		add(text, ".");
		break;
	default:
		add(text, node->text ? node->text : "");
	}
}

char *node_text(const struct node *node)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(2 * TEMPLATE_TEXT_LIMIT);
	print(node, &text);
	return buffer_steal(&text);
}
