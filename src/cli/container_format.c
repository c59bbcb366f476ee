#include "cli/container_format.h"

#include <string.h>

#define COMMAND_WIDTH 20 /* characters that Docker shows of a command, the last an ellipsis where there is more */

static char *id_text(const void *row, const void *context)
{
	const struct container_view *view = row;
	return format_string("%.*s", ((const struct container_format *)context)->whole ? 64 : 12, view->record.id);
}

static char *names_text(const void *row, const void *context)
{
	return duplicate_string(((const struct container_view *)row)->record.name);
}

static char *image_text(const void *row, const void *context)
{
	return duplicate_string(((const struct container_view *)row)->record.image_name);
}

static char *command_text(const void *row, const void *context)
{
	cleanup_free char *command = container_view_command(row);
	if (((const struct container_format *)context)->whole || strlen(command) <= COMMAND_WIDTH)
		return format_string("\"%s\"", command);
	return format_string("\"%.*s…\"", COMMAND_WIDTH - 1, command);
}

static char *created_text(const void *row, const void *context)
{
	char date[TIME_TEXT_SIZE];
	time_format_rfc3339(((const struct container_view *)row)->record.created, date);
	return format_string("%.10s %.8s +0000 UTC", date, date + 11);
}

static char *age_text(const void *row, const void *context)
{
	char age[64];
	time_format_human(time_now() - ((const struct container_view *)row)->record.created, age, sizeof age);
	return format_string("%s ago", age);
}

static char *state_text(const void *row, const void *context)
{
	return duplicate_string(container_state_name(&((const struct container_view *)row)->state));
}

static char *status_text(const void *row, const void *context)
{
	return container_state_text(&((const struct container_view *)row)->state);
}

static char *ports_text(const void *row, const void *context)
{
	return container_view_ports(row);
}

static char *labels_text(const void *row, const void *context)
{
	return string_list_join(&((const struct container_view *)row)->config.labels, ",");
}

const struct string_list *container_row_labels(const void *row)
{
	return &((const struct container_view *)row)->config.labels;
}

static char *networks_text(const void *row, const void *context)
{
	return container_view_networks(row);
}

static char *mounts_text(const void *row, const void *context)
{
	const struct container_config *config = &((const struct container_view *)row)->config;
	cleanup_string_list struct string_list sources = {0};
	for (size_t i = 0; i < config->mount_count; i++)
		if (config->mounts[i].kind != CONTAINER_MOUNT_TMPFS)
			string_list_add(&sources, config->mounts[i].source);
	return string_list_join(&sources, ",");
}

static char *local_volumes_text(const void *row, const void *context)
{
	const struct container_config *config = &((const struct container_view *)row)->config;
	size_t count = 0;
	for (size_t i = 0; i < config->mount_count; i++)
		count += config->mounts[i].kind == CONTAINER_MOUNT_VOLUME;
	return format_string("%zu", count);
}

static char *size_text(const void *row, const void *context)
{
	const struct container_format *format = context;
	uint64_t written = 0, total = 0;
	char text[16], whole[16];
	if (format->engine)
		container_view_sizes(format->engine, row, &written, &total, NULL);
	size_format_human(written, text, sizeof text);
	size_format_human(total, whole, sizeof whole);
	return format->engine && !format->no_virtual ? format_string("%s (virtual %s)", text, whole)
						     : duplicate_string(text);
}

const struct format_column container_columns[] = {
	{"Command", "COMMAND", command_text},
	{"CreatedAt", "CREATED AT", created_text},
	{"ID", "CONTAINER ID", id_text},
	{"Image", "IMAGE", image_text},
	{"Labels", "LABELS", labels_text},
	{"LocalVolumes", "LOCAL VOLUMES", local_volumes_text},
	{"Mounts", "MOUNTS", mounts_text},
	{"Names", "NAMES", names_text},
	{"Networks", "NETWORKS", networks_text},
	{"Ports", "PORTS", ports_text},
	{"RunningFor", "CREATED", age_text},
	{"Size", "SIZE", size_text},
	{"State", "STATE", state_text},
	{"Status", "STATUS", status_text},
	{NULL, NULL, NULL},
};
