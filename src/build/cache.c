#include "build/cache.h"

#include <stdint.h>
#include <string.h>

/* Changed whenever a step's meaning changes, so that what an older version made is not found. */
#define CACHE_FORMAT "coracle build cache 2"

/* Parts are small and many: they are gathered before they are hashed. */
struct cache_key {
	struct hasher *hasher;
	size_t used;
	unsigned char pending[8192];
};

static void gather(struct cache_key *key, const void *bytes, size_t size)
{
	if (size > sizeof key->pending - key->used) {
		hasher_update(key->hasher, key->pending, key->used);
		key->used = 0;
		if (size > sizeof key->pending) {
			hasher_update(key->hasher, bytes, size);
			return;
		}
	}
	memcpy(key->pending + key->used, bytes, size);
	key->used += size;
}

struct cache_key *cache_key_begin(const struct digest *parent, const char *kind)
{
	struct cache_key *key = allocate(sizeof *key);
	key->hasher = hasher_new(DIGEST_SHA256);
	cache_key_add_text(key, CACHE_FORMAT);
	cache_key_add_text(key, parent ? parent->text : NULL);
	cache_key_add_text(key, kind);
	return key;
}

void cache_key_add(struct cache_key *key, const void *bytes, size_t size)
{
	uint64_t length = size;
	gather(key, &length, sizeof length);
	if (size)
		gather(key, bytes, size);
}

void cache_key_add_text(struct cache_key *key, const char *text)
{
	if (!text) {
		uint64_t none = UINT64_MAX;
		gather(key, &none, sizeof none);
		return;
	}
	cache_key_add(key, text, strlen(text));
}

void cache_key_add_number(struct cache_key *key, uint64_t number)
{
	cache_key_add(key, &number, sizeof number);
}

void cache_key_add_list(struct cache_key *key, const struct string_list *list)
{
	cache_key_add_number(key, list->count);
	for (size_t i = 0; i < list->count; i++)
		cache_key_add_text(key, list->items[i]);
}

void cache_key_finish(struct cache_key *key, struct digest *ret_digest)
{
	hasher_update(key->hasher, key->pending, key->used);
	hasher_finish(key->hasher, ret_digest);
	hasher_free(key->hasher);
	free(key);
}
