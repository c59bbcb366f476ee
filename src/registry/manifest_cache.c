#include "registry/manifest_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"

#define BUCKETS	    1024
#define ENTRY_LIMIT ((size_t)1024 * 1024)

/* One reference is the cache's while the entry is in it. */
struct entry {
	struct cached_manifest manifest;
	atomic_uint references;
	struct digest digest;
	struct entry *next_in_bucket;
	struct entry *newer, *older;
};

struct manifest_cache {
	pthread_mutex_t lock;
	size_t byte_limit;
	size_t byte_count;
	struct entry *buckets[BUCKETS];
	struct entry *newest, *oldest;
};

static size_t bucket_of(const struct digest *digest)
{
	size_t number = 0;
	for (const char *digit = digest_hex(digest); *digit && number < ((size_t)1 << 40); digit++)
		number = number * 16 + (size_t)(*digit <= '9' ? *digit - '0' : *digit - 'a' + 10);
	return number % BUCKETS;
}

static size_t cost(const struct entry *entry)
{
	return entry->manifest.size + sizeof *entry;
}

struct manifest_cache *manifest_cache_new(size_t byte_limit)
{
	struct manifest_cache *cache = allocate(sizeof *cache);
	cache->byte_limit = byte_limit;
	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

void cached_manifest_free(struct cached_manifest *manifest)
{
	struct entry *entry = (struct entry *)manifest;
	if (!entry || --entry->references > 0)
		return;
	free((char *)entry->manifest.bytes);
	free(entry);
}

static void unlink_age(struct manifest_cache *cache, struct entry *entry)
{
	*(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
	entry->newer = entry->older = NULL;
}

static void make_newest(struct manifest_cache *cache, struct entry *entry)
{
	entry->older = cache->newest;
	*(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
	cache->newest = entry;
}

static struct entry **find(struct manifest_cache *cache, const struct digest *digest)
{
	struct entry **at = &cache->buckets[bucket_of(digest)];
	while (*at && !digest_equal(&(*at)->digest, digest))
		at = &(*at)->next_in_bucket;
	return at;
}

static void drop(struct manifest_cache *cache, struct entry *entry)
{
	struct entry **at = find(cache, &entry->digest);
	*at = entry->next_in_bucket;
	unlink_age(cache, entry);
	cache->byte_count -= cost(entry);
	cached_manifest_free(&entry->manifest);
}

void manifest_cache_free(struct manifest_cache *cache)
{
	if (!cache)
		return;
	while (cache->oldest)
		drop(cache, cache->oldest);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

struct cached_manifest *manifest_cache_get(struct manifest_cache *cache, const struct digest *digest)
{
	pthread_mutex_lock(&cache->lock);
	struct entry *entry = *find(cache, digest);
	if (entry) {
		entry->references++;
		unlink_age(cache, entry);
		make_newest(cache, entry);
	}
	pthread_mutex_unlock(&cache->lock);
	return entry ? &entry->manifest : NULL;
}

struct cached_manifest *manifest_cache_put(struct manifest_cache *cache, const struct digest *digest, char *bytes,
					   size_t size)
{
	struct entry *entry = allocate(sizeof *entry);
	entry->manifest = (struct cached_manifest){bytes, size};
	entry->references = 1;
	entry->digest = *digest;
	if (size > ENTRY_LIMIT || cost(entry) > cache->byte_limit)
		return &entry->manifest;
	/* The caller's reference keeps the entry, whatever is dropped to make room, which the analyzer does not see. */
	/* NOLINTBEGIN(clang-analyzer-unix.Malloc) */
	pthread_mutex_lock(&cache->lock);
	struct entry **at = find(cache, digest);
	if (!*at) {
		*at = entry;
		entry->references++;
		make_newest(cache, entry);
		cache->byte_count += cost(entry);
		while (cache->byte_count > cache->byte_limit)
			drop(cache, cache->oldest);
	}
	pthread_mutex_unlock(&cache->lock);
	return &entry->manifest;
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
}
