#include <assert.h>
#include <string.h>

#include "cli/command.h"
#include "cli/container_format.h"
#include "cli/image_format.h"
#include "engine/disk_usage.h"

struct summary_row {
	enum disk_kind kind;
	struct disk_total total;
};

static char *number_text(uint64_t number)
{
	return format_string("%llu", (unsigned long long)number);
}

static char *precise_size(uint64_t bytes)
{
	char size[16];
	size_format_human_precise(bytes, size, sizeof size);
	return duplicate_string(size);
}

static char *type_text(const void *row, const void *context)
{
	static const char *const names[] = {"Images", "Containers", "Local Volumes", "Build Cache"};
	static_assert(ARRAY_SIZE(names) == DISK_KIND_COUNT, "a name for each kind");
	return duplicate_string(names[((const struct summary_row *)row)->kind]);
}

static char *count_text(const void *row, const void *context)
{
	return number_text(((const struct summary_row *)row)->total.count);
}

static char *active_text(const void *row, const void *context)
{
	return number_text(((const struct summary_row *)row)->total.active);
}

static char *total_size_text(const void *row, const void *context)
{
	return precise_size(((const struct summary_row *)row)->total.size);
}

static char *reclaimable_text(const void *row, const void *context)
{
	const struct summary_row *summary = row;
	const struct disk_total *total = &summary->total;
	cleanup_free char *size = precise_size(total->reclaimable);
	if (summary->kind == DISK_BUILD_CACHE || total->size == 0)
		return duplicate_string(size);
	return format_string("%s (%.0f%%)", size,
			     (double)(uint64_t)((double)total->reclaimable * 100 / (double)total->size));
}

static const struct format_column summary_columns[] = {
	{"Active", "ACTIVE", active_text}, {"Reclaimable", "RECLAIMABLE", reclaimable_text},
	{"Size", "SIZE", total_size_text}, {"TotalCount", "TOTAL", count_text},
	{"Type", "TYPE", type_text},	   {NULL, NULL, NULL},
};

static char *volume_name_text(const void *row, const void *context)
{
	return duplicate_string(((const struct disk_volume *)row)->record.name);
}

static char *volume_labels_text(const void *row, const void *context)
{
	return string_list_join(&((const struct disk_volume *)row)->record.labels, ",");
}

static char *volume_links_text(const void *row, const void *context)
{
	return number_text(((const struct disk_volume *)row)->links);
}

static char *volume_size_text(const void *row, const void *context)
{
	return precise_size(((const struct disk_volume *)row)->size);
}

static char *volume_driver_text(const void *row, const void *context)
{
	return duplicate_string("local");
}

static const struct format_column volume_columns[] = {
	{"Driver", "DRIVER", volume_driver_text}, {"Labels", "LABELS", volume_labels_text},
	{"Links", "LINKS", volume_links_text},	  {"Name", "VOLUME NAME", volume_name_text},
	{"Size", "SIZE", volume_size_text},	  {NULL, NULL, NULL},
};

static char *cache_id_text(const void *row, const void *context)
{
	return format_string("%.12s", digest_hex(&((const struct build_cache_row *)row)->key));
}

/* What a step of a Dockerfile made, or keeps. */
static char *cache_type_text(const void *row, const void *context)
{
	return duplicate_string(build_cache_type((const struct build_cache_row *)row));
}

static char *cache_size_text(const void *row, const void *context)
{
	const struct build_cache_entry *entry = &((const struct build_cache_row *)row)->entry;
	return precise_size(entry->size + entry->blob_size);
}

static char *age_text(nanoseconds moment)
{
	char age[64];
	time_format_human(time_now() - moment, age, sizeof age);
	return format_string("%s ago", age);
}

static char *cache_created_text(const void *row, const void *context)
{
	return age_text(((const struct build_cache_row *)row)->added);
}

static char *cache_used_text(const void *row, const void *context)
{
	return age_text(((const struct build_cache_row *)row)->used);
}

static char *cache_uses_text(const void *row, const void *context)
{
	return number_text(((const struct build_cache_row *)row)->uses);
}

static char *cache_shared_text(const void *row, const void *context)
{
	const struct build_cache_row *cache = row;
	return duplicate_string(cache->is_in_image || cache->is_copy ? "true" : "false");
}

static const struct format_column cache_columns[] = {
	{"CacheType", "CACHE TYPE", cache_type_text},
	{"CreatedSince", "CREATED", cache_created_text},
	{"ID", "CACHE ID", cache_id_text},
	{"LastUsedSince", "LAST USED", cache_used_text},
	{"Shared", "SHARED", cache_shared_text},
	{"Size", "SIZE", cache_size_text},
	{"UsageCount", "USAGE", cache_uses_text},
	{NULL, NULL, NULL},
};

static int print_summary(const struct disk_usage *usage, const char *format, struct error *err)
{
	struct disk_total totals[DISK_KIND_COUNT];
	struct summary_row summary[DISK_KIND_COUNT];
	disk_totals(usage, totals);
	for (int kind = 0; kind < DISK_KIND_COUNT; kind++)
		summary[kind] = (struct summary_row){(enum disk_kind)kind, totals[kind]};
	const struct format_rows rows = {
		.type_name = "*formatter.diskUsageContext",
		.columns = summary_columns,
		.rows = summary,
		.count = DISK_KIND_COUNT,
		.row_size = sizeof *summary,
	};
	return format_print(&rows, format, err);
}

/* What -v shows, a table each. */
struct sections {
	struct format_rows images, containers, volumes, caches;
};

static void fill_sections(const struct disk_usage *usage, const struct image_format *images,
			  const struct container_format *containers, struct sections *ret_sections)
{
	*ret_sections = (struct sections){
		.images = {.type_name = "*formatter.imageContext",
			   .columns = image_columns,
			   .context = images,
			   .rows = usage->images.items,
			   .count = usage->images.count,
			   .row_size = sizeof *usage->images.items},
		.containers = {.type_name = "*formatter.ContainerContext",
			       .columns = container_columns,
			       .labels = container_row_labels,
			       .context = containers,
			       .rows = usage->containers.items,
			       .count = usage->containers.count,
			       .row_size = sizeof *usage->containers.items},
		.volumes = {.type_name = "*formatter.volumeContext",
			    .columns = volume_columns,
			    .rows = usage->volumes,
			    .count = usage->volume_count,
			    .row_size = sizeof *usage->volumes},
		.caches = {.type_name = "*formatter.buildCacheContext",
			   .columns = cache_columns,
			   .rows = usage->caches.items,
			   .count = usage->caches.count,
			   .row_size = sizeof *usage->caches.items},
	};
}

static int print_tables(const struct disk_usage *usage, const struct sections *sections, struct error *err)
{
	struct disk_total totals[DISK_KIND_COUNT];
	disk_totals(usage, totals);
	cleanup_free char *cache = precise_size(totals[DISK_BUILD_CACHE].size);
	printf("Images space usage:\n\n");
	if (format_print(&sections->images,
			 "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t"
			 "{{.UniqueSize}}\t{{.Containers}}",
			 err) < 0)
		return -1;
	printf("\nContainers space usage:\n\n");
	if (format_print(&sections->containers,
			 "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t"
			 "{{.Status}}\t{{.Names}}",
			 err) < 0)
		return -1;
	printf("\nLocal Volumes space usage:\n\n");
	if (format_print(&sections->volumes, "table {{.Name}}\t{{.Links}}\t{{.Size}}", err) < 0)
		return -1;
	printf("\nBuild cache usage: %s\n\n", cache);
	return format_print(
		&sections->caches,
		"table {{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t"
		"{{.Shared}}",
		err);
}

static int print_document(const struct sections *sections, const char *format, struct error *err)
{
	cleanup_json json_t *document =
		json_pack("{s:o, s:o, s:o, s:o}", "Images", format_rows_json(&sections->images), "Containers",
			  format_rows_json(&sections->containers), "Volumes", format_rows_json(&sections->volumes),
			  "BuildCache", format_rows_json(&sections->caches));
	static const struct template_type type = {.name = "*formatter.diskUsageContext"};
	return format_print_document(document, &type, format, err);
}

int cmd_system_df(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool verbose = false;
	const char *format = NULL;
	const struct option options[] = {
		OPTION_STRING(0, "format", &format, "string",
			      "Format output: 'table', 'table TEMPLATE', 'json', or a Go template"),
		OPTION_FLAG('v', "verbose", &verbose, "Show detailed information on space usage"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_disk_usage struct disk_usage usage = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0 || disk_usage_read(engine, &usage, err) < 0)
		return -1;
	bool is_default = !format || strcmp(format, "table") == 0;
	if (!verbose)
		return print_summary(&usage,
				     is_default ? "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t"
						  "{{.Reclaimable}}"
						: format,
				     err);
	const struct image_format images = {.usages = &usage.image_usages};
	const struct container_format containers = {.engine = engine, .no_virtual = true};
	struct sections sections;
	fill_sections(&usage, &images, &containers, &sections);
	return is_default ? print_tables(&usage, &sections, err) : print_document(&sections, format, err);
}
