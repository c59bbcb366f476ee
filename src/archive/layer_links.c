#include "archive/layer_links.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"

#define BUCKET_COUNT 16384
#define BYTES_LIMIT  ((size_t)128 * 1024 * 1024)

struct link {
	struct link *next;
	dev_t device;
	ino_t inode;
	nlink_t left; /* links that were not seen yet */
	char *path;
};

struct layer_links {
	struct link **buckets; /* BUCKET_COUNT of them, or NULL before the first link: most layers have none */
	size_t bytes;
};

struct layer_links *layer_links_new(void)
{
	return allocate(sizeof(struct layer_links));
}

static void drop(struct layer_links *links, struct link **at)
{
	struct link *link = *at;
	*at = link->next;
	links->bytes -= sizeof *link + strlen(link->path) + 1;
	free(link->path);
	free(link);
}

void layer_links_free(struct layer_links *links)
{
	if (!links)
		return;
	for (size_t i = 0; links->buckets && i < BUCKET_COUNT; i++)
		while (links->buckets[i])
			drop(links, &links->buckets[i]);
	free(links->buckets);
	free(links);
}

static struct link **find_bucket(struct layer_links *links, const struct stat *status)
{
	if (!links->buckets)
		links->buckets = allocate_array(BUCKET_COUNT, sizeof *links->buckets);
	/* Multiplying by a large odd number spreads inodes that lie together. */
	uint64_t hash = ((uint64_t)status->st_ino ^ ((uint64_t)status->st_dev << 32)) * UINT64_C(0x9e3779b97f4a7c15);
	return &links->buckets[(hash >> 32) % BUCKET_COUNT];
}

int layer_links_find(struct layer_links *links, const struct stat *status, const char *path, char **ret_first,
		     struct error *err)
{
	struct link **bucket = find_bucket(links, status);
	for (struct link **at = bucket; *at; at = &(*at)->next) {
		struct link *link = *at;
		if (link->inode != status->st_ino || link->device != status->st_dev)
			continue;
		*ret_first = duplicate_string(link->path);
		if (link->left <= 1)
			drop(links, at);
		else
			link->left--;
		return 0;
	}
	size_t bytes = sizeof(struct link) + strlen(path) + 1;
	if (links->bytes + bytes > BYTES_LIMIT)
		return error_set(err, ERROR_LIMIT, "too many files with hard links");
	struct link *link = allocate(sizeof *link);
	*link = (struct link){*bucket, status->st_dev, status->st_ino, status->st_nlink - 1, duplicate_string(path)};
	*bucket = link;
	links->bytes += bytes;
	*ret_first = NULL;
	return 0;
}
