#include <string.h>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/image_tree.h"
#include "engine/image_list.h"

struct image_ls_arguments {
	bool all, digests, quiet, whole, tree;
	const char *format;
	struct string_list filters;
};

static char *repository_text(const void *row, const void *context)
{
	const struct image_tag *tag = row;
	return tag->name ? reference_familiarize(tag->name) : duplicate_string("<none>");
}

static char *tag_text(const void *row, const void *context)
{
	const struct image_tag *tag = row;
	return duplicate_string(tag->tag ? tag->tag : "<none>");
}

static char *digest_text(const void *row, const void *context)
{
	const struct image_tag *tag = row;
	return duplicate_string(digest_is_set(&tag->repository_digest) ? tag->repository_digest.text : "<none>");
}

static char *id_text(const void *row, const void *context)
{
	const struct image_tag *tag = row;
	if (((const struct image_ls_arguments *)context)->whole)
		return duplicate_string(tag->image.id.text);
	return format_string("%.12s", digest_hex(&tag->image.id));
}

static char *age_text(const void *row, const void *context)
{
	char age[64];
	time_format_human(time_now() - ((const struct image_tag *)row)->image.created, age, sizeof age);
	return format_string("%s ago", age);
}

static char *created_text(const void *row, const void *context)
{
	char date[TIME_TEXT_SIZE];
	time_format_rfc3339(((const struct image_tag *)row)->image.created, date);
	return format_string("%.10s %.8s +0000 UTC", date, date + 11);
}

static char *size_text(const void *row, const void *context)
{
	char size[16];
	size_format_human(((const struct image_tag *)row)->image.size, size, sizeof size);
	return duplicate_string(size);
}

/* What Docker tells in `system df -v` alone. */
static char *not_told_text(const void *row, const void *context)
{
	return duplicate_string("N/A");
}

static const struct format_column columns[] = {
	{"Containers", "CONTAINERS", not_told_text},
	{"CreatedAt", "CREATED AT", created_text},
	{"CreatedSince", "CREATED", age_text},
	{"Digest", "DIGEST", digest_text},
	{"ID", "IMAGE ID", id_text},
	{"Repository", "REPOSITORY", repository_text},
	{"SharedSize", "SHARED SIZE", not_told_text},
	{"Size", "SIZE", size_text},
	{"Tag", "TAG", tag_text},
	{"UniqueSize", "UNIQUE SIZE", not_told_text},
	{"VirtualSize", "SIZE", size_text},
	{NULL, NULL, NULL},
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
	const struct format_rows rows = {
		.type_name = "*formatter.imageContext",
		.columns = columns,
		.context = arguments,
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
