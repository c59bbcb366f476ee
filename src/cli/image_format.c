#include "cli/image_format.h"

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
	if (((const struct image_format *)context)->whole)
		return duplicate_string(tag->image.id.text);
	return duplicate_bytes(digest_hex(&tag->image.id), 12);
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

/* Docker tells these in `system df -v` alone. */
static const struct image_usage *usage_of(const void *row, const void *context)
{
	const struct image_format *format = context;
	const struct image_tag *tag = row;
	return format->usages ? image_usage_find(format->usages, &tag->image.id) : NULL;
}

static char *containers_text(const void *row, const void *context)
{
	const struct image_usage *usage = usage_of(row, context);
	return usage ? format_string("%llu", (unsigned long long)usage->containers) : duplicate_string("N/A");
}

static char *shared_text(const void *row, const void *context)
{
	const struct image_usage *usage = usage_of(row, context);
	char size[16] = "N/A";
	if (usage)
		size_format_human_precise(usage->shared, size, sizeof size);
	return duplicate_string(size);
}

static char *unique_text(const void *row, const void *context)
{
	const struct image_usage *usage = usage_of(row, context);
	char size[16] = "N/A";
	if (usage)
		size_format_human_precise(usage->size - usage->shared, size, sizeof size);
	return duplicate_string(size);
}

const struct format_column image_columns[] = {
	{"Containers", "CONTAINERS", containers_text},
	{"CreatedAt", "CREATED AT", created_text},
	{"CreatedSince", "CREATED", age_text},
	{"Digest", "DIGEST", digest_text},
	{"ID", "IMAGE ID", id_text},
	{"Repository", "REPOSITORY", repository_text},
	{"SharedSize", "SHARED SIZE", shared_text},
	{"Size", "SIZE", size_text},
	{"Tag", "TAG", tag_text},
	{"UniqueSize", "UNIQUE SIZE", unique_text},
	{"VirtualSize", "SIZE", size_text},
	{NULL, NULL, NULL},
};
