#include <string.h>

#include "cli/command.h"
#include "cli/image_format.h"
#include "cli/image_tree.h"
#include "engine/image_list.h"

struct image_ls_arguments {
	bool all, digests, quiet, whole, tree;
	const char *format;
	struct string_list filters;
};

static const char *choose_format(const struct image_ls_arguments *arguments)
{
	if (arguments->format && strcmp(arguments->format, "table") != 0)
		return arguments->format;
	if (arguments->quiet)
		return "{{.ID}}";
	return arguments->digests
		       ? "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
		       : "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
}

static int list_images(struct invocation *invocation, const struct image_ls_arguments *arguments, struct error *err)
{
	cleanup_engine struct engine *engine = NULL;
	cleanup_image_list struct image_list list = {0};
	if (command_open_engine(invocation, &engine, err) < 0 ||
	    image_list_filtered(engine, &arguments->filters, &list, err) < 0)
		return -1;
	if (arguments->tree)
		return image_tree_print(engine, &list, err);
	const struct image_format context = {.whole = arguments->whole};
	const struct format_rows rows = {
		.type_name = "*formatter.imageContext",
		.columns = image_columns,
		.context = &context,
		.rows = list.items,
		.count = list.count,
		.row_size = sizeof *list.items,
	};
	return format_print(&rows, choose_format(arguments), err);
}

/* A tree is for people, and has its own columns. */
static int check_tree(const struct image_ls_arguments *arguments, struct error *err)
{
	const char *other = arguments->quiet	 ? "--quiet"
			    : arguments->whole	 ? "--no-trunc"
			    : arguments->digests ? "--show-digest"
			    : arguments->format	 ? "--format"
						 : NULL;
	if (!arguments->tree || !other)
		return 0;
	return error_set(err, ERROR_INVALID, "%s is not yet supported with --tree", other);
}

int cmd_image_ls(struct invocation *invocation, int count, char **words, struct error *err)
{
	struct image_ls_arguments arguments = {0};
	const struct option options[] = {
		OPTION_FLAG('a', "all", &arguments.all, "Show all images (there are no hidden ones here)"),
		OPTION_FLAG(0, "digests", &arguments.digests, "Show digests"),
		OPTION_FILTERS('f', "filter", &arguments.filters,
			       "Filter output: before, dangling, label, reference, since, until"),
		OPTION_STRING(0, "format", &arguments.format, "string",
			      "Format output: 'table', 'table TEMPLATE', 'json', or a Go template"),
		OPTION_FLAG(0, "no-trunc", &arguments.whole, "Don't truncate output"),
		OPTION_FLAG('q', "quiet", &arguments.quiet, "Only show image IDs"),
		OPTION_FLAG(0, "tree", &arguments.tree, "List images and their platforms as a tree"),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, words, err);
	if (result == 0) {
		if (count == 1)
			string_list_add_format(&arguments.filters, "reference=%s", words[0]);
		result = check_tree(&arguments, err);
		if (result == 0)
			result = list_images(invocation, &arguments, err);
	}
	string_list_release(&arguments.filters);
	return result < 0 ? -1 : 0;
}
