#include <string.h>

#include "cli/command.h"
#include "cli/format.h"
#include "store/image.h"

struct image_ls_arguments {
	bool all, digests, quiet, whole, dangling, no_dangling;
	const char *format;
	struct reference name; /* unset: any */
	bool has_name, has_tag;
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

static const struct format_column columns[] = {
	{"CreatedAt", "CREATED AT", created_text},
	{"CreatedSince", "CREATED", age_text},
	{"Digest", "DIGEST", digest_text},
	{"ID", "IMAGE ID", id_text},
	{"Repository", "REPOSITORY", repository_text},
	{"Size", "SIZE", size_text},
	{"Tag", "TAG", tag_text},
	{NULL, NULL, NULL},
};

static bool is_wanted(const struct image_tag *tag, const struct image_ls_arguments *arguments)
{
	bool is_dangling = !tag->tag && !tag->name;
	if ((arguments->dangling && !is_dangling) || (arguments->no_dangling && is_dangling))
		return false;
	if (!arguments->has_name)
		return true;
	if (!tag->tag)
		return false;
	return !arguments->has_tag || strcmp(tag->tag, arguments->name.tag) == 0;
}

static int list_images(struct invocation *invocation, const struct image_ls_arguments *arguments, struct error *err)
{
	cleanup_engine struct engine *engine = NULL;
	cleanup_image_list struct image_list list = {0};
	cleanup_free char *name = arguments->has_name ? reference_name(&arguments->name) : NULL;
	if (command_open_engine(invocation, &engine, err) < 0 || image_list(engine->store, name, &list, err) < 0)
		return -1;
	/* Borrowed from the list, in its order. */
	cleanup_free struct image_tag *wanted = allocate_array(list.count + 1, sizeof *wanted);
	size_t count = 0;
	for (size_t i = 0; i < list.count; i++)
		if (is_wanted(&list.items[i], arguments))
			wanted[count++] = list.items[i];
	const struct format_rows rows = {
		.type_name = "*formatter.imageContext",
		.columns = columns,
		.context = arguments,
		.rows = wanted,
		.count = count,
		.row_size = sizeof *wanted,
	};
	const char *format = arguments->format;
	if (!format || strcmp(format, "table") == 0)
		format = arguments->quiet ? "{{.ID}}"
			 : arguments->digests
				 ? "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
				 : "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
	return format_print(&rows, format, err);
}

static int parse_filters(struct image_ls_arguments *arguments, const struct string_list *filters, struct error *err)
{
	for (size_t i = 0; i < filters->count; i++) {
		const char *text = filters->items[i];
		const char *equals = strchr(text, '=');
		if (!equals)
			return error_set(err, ERROR_INVALID, "invalid filter '%s': expected '<key>=<value>'", text);
		if (strncmp(text, "dangling=", strlen("dangling=")) != 0)
			return error_set(err, ERROR_INVALID, "invalid filter '%.*s'", (int)(equals - text), text);
		bool is_true = strcmp(equals + 1, "true") == 0 || strcmp(equals + 1, "1") == 0;
		if (!is_true && strcmp(equals + 1, "false") != 0 && strcmp(equals + 1, "0") != 0)
			return error_set(err, ERROR_INVALID, "invalid filter 'dangling=[%s]'", equals + 1);
		arguments->dangling = is_true;
		arguments->no_dangling = !is_true;
	}
	return 0;
}

int cmd_image_ls(struct invocation *invocation, int count, char **words, struct error *err)
{
	struct image_ls_arguments arguments = {0};
	cleanup_string_list struct string_list filters = {0};
	const struct option options[] = {
		OPTION_FLAG('a', "all", &arguments.all, "Show all images (there are no hidden ones here)"),
		OPTION_FLAG(0, "digests", &arguments.digests, "Show digests"),
		OPTION_LIST('f', "filter", &filters, "filter", "Filter output: dangling=true or dangling=false"),
		OPTION_STRING(0, "format", &arguments.format, "string",
			      "Format output: 'table', 'table TEMPLATE', 'json', or a Go template"),
		OPTION_FLAG(0, "no-trunc", &arguments.whole, "Don't truncate output"),
		OPTION_FLAG('q', "quiet", &arguments.quiet, "Only show image IDs"),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, words, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (parse_filters(&arguments, &filters, err) < 0)
		return -1;
	if (count == 1) {
		if (reference_parse(words[0], &arguments.name, err) < 0)
			return -1;
		arguments.has_name = true;
		const char *last = strrchr(words[0], '/');
		arguments.has_tag = strchr(last ? last : words[0], ':') != NULL;
	}
	result = list_images(invocation, &arguments, err);
	reference_release(&arguments.name);
	return result;
}
