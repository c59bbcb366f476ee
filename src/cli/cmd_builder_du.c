#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "cli/command.h"
#include "cli/table.h"
#include "engine/build_cache_filter.h"

#define TABLE_LIMIT ((size_t)256 * 1024 * 1024)

struct totals {
	uint64_t shared, own;
};

/* Every row can be had back: what a running build needs it holds by the content lock. */
static int add_row(struct buffer *table, const struct build_cache_row *row, struct totals *totals, struct error *err)
{
	char size[16], age[64];
	uint64_t bytes = row->entry.size + row->entry.blob_size;
	bool is_shared = row->is_in_image || row->is_copy;
	size_format_human_precise(bytes, size, sizeof size);
	time_format_human(time_now() - row->used, age, sizeof age);
	if (is_shared)
		totals->shared += bytes;
	else
		totals->own += bytes;
	return buffer_append_format(table, err, "%.25s%s\ttrue\t%s\t%s ago\n", digest_hex(&row->key),
				    is_shared ? "*" : "", size, age);
}

static void print_total(const char *name, uint64_t bytes)
{
	char size[16];
	size_format_human_precise(bytes, size, sizeof size);
	printf("%-12s %s\n", name, size);
}

static int print(struct engine *engine, const struct string_list *filters, struct error *err)
{
	cleanup_build_cache_list struct build_cache_list list = {0};
	cleanup_buffer struct buffer table = BUFFER_INIT(TABLE_LIMIT);
	struct totals totals = {0};
	struct build_cache_filter filter;
	if (build_cache_rows(engine, filters, &list, &filter, err) < 0 ||
	    buffer_append_string(&table, "ID\tRECLAIMABLE\tSIZE\tLAST ACCESSED\n", err) < 0)
		return -1;
	/* The last used first. */
	for (size_t i = list.count; i-- > 0;)
		if (build_cache_filter_keeps(&filter, &list.items[i]) &&
		    add_row(&table, &list.items[i], &totals, err) < 0)
			return -1;
	table_print(buffer_text(&table));
	if (totals.shared) {
		print_total("Shared:", totals.shared);
		print_total("Private:", totals.own);
	}
	print_total("Reclaimable:", totals.own);
	print_total("Total:", totals.own + totals.shared);
	return 0;
}

int cmd_builder_du(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const char *builder = NULL;
	cleanup_string_list struct string_list filters = {0};
	const struct option options[] = {
		OPTION_STRING(0, "builder", &builder, "string", "Taken, since there is one builder alone"),
		OPTION_FILTERS(0, "filter", &filters, "Provide filter values (e.g. \"until=24h\")"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	return command_open_engine(invocation, &engine, err) < 0 ? -1 : print(engine, &filters, err);
}
