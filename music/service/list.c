#include "list.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char head[] = "{\"Count\":1,\"Items\":[", tail[] = "]}";

struct item {
	struct item *chain;	      /* of the same bucket */
	struct item *before, *behind; /* in the list's order */
	struct text *answer;	      /* head, the song as JSON, tail */
	char *search;
	char music_id[];
};

struct list {
	pthread_rwlock_t lock;
	struct item **buckets;
	size_t bucket_count; /* a power of two */
	size_t count;
	struct item *first, *last;
	struct text *whole; /* the answer with all songs, NULL until somebody asks for it; its lock is whole_lock */
	pthread_mutex_t whole_lock;
};

struct list *list_new(void)
{
	struct list *list = calloc(1, sizeof *list);
	if (!list)
		abort();
	list->bucket_count = 64;
	list->buckets = calloc(list->bucket_count, sizeof(struct item *));
	if (!list->buckets)
		abort();
	pthread_rwlock_init(&list->lock, NULL);
	pthread_mutex_init(&list->whole_lock, NULL);
	return list;
}

static void free_item(struct item *item)
{
	text_drop(item->answer);
	free(item->search);
	free(item);
}

void list_free(struct list *list)
{
	for (struct item *item = list->first; item;) {
		struct item *next = item->behind;
		free_item(item);
		item = next;
	}
	text_drop(list->whole);
	free(list->buckets);
	pthread_rwlock_destroy(&list->lock);
	pthread_mutex_destroy(&list->whole_lock);
	free(list);
}

/* FNV-1a. Ids are the service's own or the owner's: nobody else can make them collide. */
static struct item **bucket_of(struct list *list, const char *music_id)
{
	uint64_t hash = 0xcbf29ce484222325;
	for (; *music_id; music_id++)
		hash = (hash ^ (unsigned char)*music_id) * 0x100000001b3;
	return &list->buckets[(hash ^ hash >> 32) & (list->bucket_count - 1)];
}

static struct item **find_slot(struct list *list, const char *music_id)
{
	struct item **slot = bucket_of(list, music_id);
	while (*slot && strcmp((*slot)->music_id, music_id) != 0)
		slot = &(*slot)->chain;
	return slot;
}

static void grow(struct list *list)
{
	free(list->buckets);
	list->bucket_count *= 2;
	list->buckets = calloc(list->bucket_count, sizeof(struct item *));
	if (!list->buckets)
		abort();
	for (struct item *item = list->first; item; item = item->behind) {
		struct item **bucket = bucket_of(list, item->music_id);
		item->chain = *bucket;
		*bucket = item;
	}
}

static struct text *make_answer(const struct song *song)
{
	struct builder builder = {0};
	builder_add_string(&builder, head);
	builder_add_song(&builder, song);
	builder_add_string(&builder, tail);
	return text_of_builder(&builder);
}

/* With the write lock held. */
static void forget_whole(struct list *list)
{
	text_drop(list->whole);
	list->whole = NULL;
}

static void append(struct list *list, const struct song *song, struct text *answer, char *search)
{
	size_t size = strlen(song->music_id) + 1;
	struct item *item = malloc(sizeof *item + size);
	if (!item)
		abort();
	memcpy(item->music_id, song->music_id, size);
	item->answer = answer;
	item->search = search;
	item->before = list->last;
	item->behind = NULL;
	*(list->last ? &list->last->behind : &list->first) = item;
	list->last = item;
	struct item **bucket = bucket_of(list, item->music_id);
	item->chain = *bucket;
	*bucket = item;
	if (++list->count > list->bucket_count)
		grow(list);
}

void list_set(struct list *list, const struct song *song)
{
	struct text *answer = make_answer(song);
	char *search = song_search_text(song);
	pthread_rwlock_wrlock(&list->lock);
	struct item *item = *find_slot(list, song->music_id);
	forget_whole(list);
	if (item) {
		text_drop(item->answer);
		free(item->search);
		item->answer = answer;
		item->search = search;
	} else {
		append(list, song, answer, search);
	}
	pthread_rwlock_unlock(&list->lock);
}

bool list_remove(struct list *list, const char *music_id)
{
	pthread_rwlock_wrlock(&list->lock);
	struct item **slot = find_slot(list, music_id), *item = *slot;
	if (item) {
		forget_whole(list);
		*slot = item->chain;
		*(item->before ? &item->before->behind : &list->first) = item->behind;
		*(item->behind ? &item->behind->before : &list->last) = item->before;
		list->count--;
		free_item(item);
	}
	pthread_rwlock_unlock(&list->lock);
	return item;
}

size_t list_count(struct list *list)
{
	pthread_rwlock_rdlock(&list->lock);
	size_t count = list->count;
	pthread_rwlock_unlock(&list->lock);
	return count;
}

bool list_has(struct list *list, const char *music_id)
{
	pthread_rwlock_rdlock(&list->lock);
	bool has = *find_slot(list, music_id);
	pthread_rwlock_unlock(&list->lock);
	return has;
}

enum songs_outcome list_find(struct list *list, const char *music_id, struct text **ret_answer)
{
	pthread_rwlock_rdlock(&list->lock);
	const struct item *item = *find_slot(list, music_id);
	if (item)
		*ret_answer = text_hold(item->answer);
	pthread_rwlock_unlock(&list->lock);
	return item ? SONGS_DONE : SONGS_NOT_FOUND;
}

/* From *item on; the read lock is held. */
static struct text *make_page(const struct item *item, const struct songs_page *page)
{
	struct builder items = {0}, builder = {0};
	const struct item *last = NULL;
	size_t count = 0;
	bool is_cut = false;
	for (; item && !is_cut; item = item->behind) {
		if (page->search && !strstr(item->search, page->search))
			continue;
		is_cut = page->limit && count == page->limit;
		if (is_cut)
			break;
		if (count++)
			builder_add(&items, ",", 1);
		builder_add(&items, item->answer->bytes + sizeof head - 1,
			    item->answer->size - (sizeof head - 1) - (sizeof tail - 1));
		last = item;
	}
	struct text *text = text_of_builder(&items);
	builder_add_format(&builder, "{\"Count\":%zu,\"Items\":[", count);
	builder_add(&builder, text->bytes, text->size);
	text_drop(text);
	builder_add_string(&builder, "]");
	if (is_cut && last) {
		builder_add_string(&builder, ",\"Next\":");
		builder_add_json(&builder, last->music_id);
	}
	builder_add_string(&builder, "}");
	return text_of_builder(&builder);
}

/* The read lock keeps it from being forgotten; whole_lock keeps two readers from making it. */
static struct text *hold_whole(struct list *list)
{
	pthread_mutex_lock(&list->whole_lock);
	if (!list->whole)
		list->whole = make_page(list->first, &(struct songs_page){0});
	struct text *text = text_hold(list->whole);
	pthread_mutex_unlock(&list->whole_lock);
	return text;
}

enum songs_outcome list_page(struct list *list, const struct songs_page *page, struct text **ret_answer)
{
	enum songs_outcome outcome = SONGS_DONE;
	pthread_rwlock_rdlock(&list->lock);
	const struct item *start = list->first;
	if (page->after) {
		start = *find_slot(list, page->after);
		outcome = start ? SONGS_DONE : SONGS_NOT_FOUND;
		start = start ? start->behind : NULL;
	}
	if (outcome == SONGS_DONE)
		*ret_answer = !page->limit && !page->after && !page->search ? hold_whole(list) : make_page(start, page);
	pthread_rwlock_unlock(&list->lock);
	return outcome;
}
