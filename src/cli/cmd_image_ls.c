#include <string.h>

#include "cli/command.h"
#include "cli/table.h"
#include "store/image.h"

struct image_ls_arguments {
	bool all, digests, quiet, whole;
	struct reference filter; /* name NULL: none */
	bool has_filter, has_tag;
};

static bool is_wanted(const struct image_tag *tag, const struct image_ls_arguments *arguments)
{
	if (!arguments->has_filter)
		return true;
	if (!tag->tag)
		return false;
	return !arguments->has_tag || strcmp(tag->tag, arguments->filter.tag) == 0;
}

static void add_row(struct table *table, const struct image_tag *tag, const struct image_ls_arguments *arguments)
{
	char age[64], size[16];
	cleanup_free char *name = tag->name ? reference_familiarize(tag->name) : duplicate_string("<none>");
	time_format_human(time_now() - tag->image.created, age, sizeof age);
	size_format_human(tag->image.size, size, sizeof size);
	table_add(table, name);
	table_add(table, tag->tag ? tag->tag : "<none>");
	if (arguments->digests)
		table_add(table, digest_is_set(&tag->repository_digest) ? tag->repository_digest.text : "<none>");
	table_add_format(table, "%.*s", arguments->whole ? DIGEST_TEXT_SIZE : 12,
			 arguments->whole ? tag->image.id.text : digest_hex(&tag->image.id));
	table_add_format(table, "%s ago", age);
	table_add(table, size);
}

static void print_ids(const struct image_list *list, const struct image_ls_arguments *arguments)
{
	for (size_t i = 0; i < list->count; i++)
		if (is_wanted(&list->items[i], arguments))
			printf("%.*s\n", arguments->whole ? DIGEST_TEXT_SIZE : 12,
			       arguments->whole ? list->items[i].image.id.text : digest_hex(&list->items[i].image.id));
}

static void print_table(const struct image_list *list, const struct image_ls_arguments *arguments)
{
	cleanup_table struct table table;
	table_init(&table, arguments->digests ? 6 : 5);
	table_add(&table, "REPOSITORY");
	table_add(&table, "TAG");
	if (arguments->digests)
		table_add(&table, "DIGEST");
	table_add(&table, "IMAGE ID");
	table_add(&table, "CREATED");
	table_add(&table, "SIZE");
	for (size_t i = 0; i < list->count; i++)
		if (is_wanted(&list->items[i], arguments))
			add_row(&table, &list->items[i], arguments);
	table_print(&table);
}

static int list_images(struct invocation *invocation, const struct image_ls_arguments *arguments, struct error *err)
{
	cleanup_engine struct engine *engine = NULL;
	cleanup_image_list struct image_list list = {0};
	cleanup_free char *name = arguments->has_filter ? reference_name(&arguments->filter) : NULL;
	if (command_open_engine(invocation, &engine, err) < 0 || image_list(engine->store, name, &list, err) < 0)
		return -1;
	if (arguments->quiet)
		print_ids(&list, arguments);
	else
		print_table(&list, arguments);
	return 0;
}

int cmd_image_ls(struct invocation *invocation, int count, char **words, struct error *err)
{
	struct image_ls_arguments arguments = {0};
	const struct option options[] = {
		OPTION_FLAG('a', "all", &arguments.all, "Show all images (there are no hidden ones here)"),
		OPTION_FLAG(0, "digests", &arguments.digests, "Show digests"),
		OPTION_FLAG(0, "no-trunc", &arguments.whole, "Don't truncate output"),
		OPTION_FLAG('q', "quiet", &arguments.quiet, "Only show image IDs"),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, words, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (count == 1) {
		if (reference_parse(words[0], &arguments.filter, err) < 0)
			return -1;
		arguments.has_filter = true;
		const char *last = strrchr(words[0], '/');
		arguments.has_tag = strchr(last ? last : words[0], ':') != NULL;
	}
	result = list_images(invocation, &arguments, err);
	reference_release(&arguments.filter);
	return result;
}
