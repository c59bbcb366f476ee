#include <string.h>

#include "cli/command.h"
#include "cli/format.h"
#include "engine/network_admin.h"

#define SHORT_LENGTH 12

static char *created_text(const void *row, const void *context)
{
	char date[TIME_TEXT_SIZE];
	nanoseconds created = ((const struct network_record *)row)->created;
	if (created == 0)
		return duplicate_string("0001-01-01 00:00:00 +0000 UTC");
	time_format_rfc3339(created, date);
	return format_string("%.10s %.*s +0000 UTC", date, (int)strcspn(date + 11, "Z"), date + 11);
}

static char *driver_text(const void *row, const void *context)
{
	return duplicate_string(network_driver(row));
}

static char *id_text(const void *row, const void *context)
{
	bool whole = *(const bool *)context;
	return format_string("%.*s", whole ? NETWORK_ID_SIZE : SHORT_LENGTH, ((const struct network_record *)row)->id);
}

static char *ipv4_text(const void *row, const void *context)
{
	return duplicate_string("true");
}

static char *ipv6_text(const void *row, const void *context)
{
	return duplicate_string(((const struct network_record *)row)->subnet6.family ? "true" : "false");
}

static char *internal_text(const void *row, const void *context)
{
	return duplicate_string(((const struct network_record *)row)->is_internal ? "true" : "false");
}

static const struct string_list *labels_of(const void *row)
{
	return &((const struct network_record *)row)->labels;
}

static char *labels_text(const void *row, const void *context)
{
	return string_list_join(labels_of(row), ",");
}

static char *name_text(const void *row, const void *context)
{
	return duplicate_string(((const struct network_record *)row)->name);
}

static char *scope_text(const void *row, const void *context)
{
	return duplicate_string("local");
}

static const struct format_column columns[] = {
	{"CreatedAt", "CREATED AT", created_text},
	{"Driver", "DRIVER", driver_text},
	{"ID", "NETWORK ID", id_text},
	{"IPv4", "IPV4", ipv4_text},
	{"IPv6", "IPV6", ipv6_text},
	{"Internal", "INTERNAL", internal_text},
	{"Labels", "LABELS", labels_text},
	{"Name", "NAME", name_text},
	{"Scope", "SCOPE", scope_text},
	{NULL, NULL, NULL},
};

int cmd_network_ls(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool quiet = false, no_trunc = false;
	const char *format = NULL;
	cleanup_string_list struct string_list filters = {0};
	const struct option options[] = {
		OPTION_FILTERS('f', "filter", &filters, "Provide filter values (e.g. \"driver=bridge\")"),
		OPTION_STRING(0, "format", &format, "string",
			      "Format output: 'table', 'table TEMPLATE', 'json', or a Go template"),
		OPTION_FLAG(0, "no-trunc", &no_trunc, "Do not truncate the output"),
		OPTION_FLAG('q', "quiet", &quiet, "Only display network IDs"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_network_records struct network_records list = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0 ||
	    network_list_filtered(engine, &filters, &list, err) < 0)
		return -1;
	const struct format_rows rows = {
		.type_name = "*formatter.networkContext",
		.columns = columns,
		.labels = labels_of,
		.context = &no_trunc,
		.rows = list.items,
		.count = list.count,
		.row_size = sizeof *list.items,
	};
	bool is_default = !format || strcmp(format, "table") == 0;
	return format_print(
		&rows, is_default ? quiet ? "{{.ID}}" : "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}" : format,
		err);
}
