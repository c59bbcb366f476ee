#include "songs.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "csv.h"

/*
 * Items are kept as the JSON objects that are answered with, in one object keyed by music_id: jansson's objects are
 * hash tables that keep the order of insertion.
 */
struct songs {
	pthread_rwlock_t lock;
	json_t *items;
};

static json_t *new_item(const char *artist, const char *title, const char *music_id)
{
	return json_pack("{s:s, s:s, s:s}", "Artist", artist, "SongTitle", title, "music_id", music_id);
}

static const char *add_record(struct songs *songs, const struct csv_record *record)
{
	if (record->count == 1 && !*record->fields[0])
		return NULL; /* an empty line */
	if (record->count != 3)
		return "not three fields (Artist,SongTitle,UUID)";
	if (!*record->fields[2])
		return "the UUID is empty";
	json_t *item = new_item(record->fields[0], record->fields[1], record->fields[2]);
	if (!item)
		return "not UTF-8";
	json_object_set_new(songs->items, record->fields[2], item);
	return NULL;
}

static bool is_header(const struct csv_record *record)
{
	return record->count == 3 && strcmp(record->fields[0], "Artist") == 0 &&
	       strcmp(record->fields[1], "SongTitle") == 0 && strcmp(record->fields[2], "UUID") == 0;
}

static const char *read_songs(struct songs *songs, FILE *file, struct csv_record *record, unsigned long *line)
{
	const char *problem = NULL;
	if (csv_read(file, record, line, &problem) != CSV_RECORD || !is_header(record)) {
		*line = 1;
		return problem ? problem : "the header is not Artist,SongTitle,UUID";
	}
	for (;;) {
		unsigned long start = *line;
		enum csv_result result = csv_read(file, record, line, &problem);
		if (result == CSV_END)
			return ferror(file) ? "the file cannot be read to its end" : NULL;
		if (result == CSV_RECORD)
			problem = add_record(songs, record);
		if (problem) {
			*line = start;
			return problem;
		}
	}
}

struct songs *songs_open(const char *path)
{
	FILE *file = fopen(path, "re");
	if (!file) {
		fprintf(stderr, "s2: open %s: %s. Mount the folder with music.csv there: -v $PWD:/data\n", path,
			strerror(errno));
		return NULL;
	}
	struct songs *songs = calloc(1, sizeof *songs);
	struct csv_record *record = malloc(sizeof *record);
	if (!songs || !record)
		abort();
	pthread_rwlock_init(&songs->lock, NULL);
	songs->items = json_object();
	unsigned long line = 1;
	const char *problem = read_songs(songs, file, record, &line);
	fclose(file);
	free(record);
	if (!problem)
		return songs;
	fprintf(stderr, "s2: %s, line %lu: %s\n", path, line, problem);
	songs_free(songs);
	return NULL;
}

void songs_free(struct songs *songs)
{
	json_decref(songs->items);
	pthread_rwlock_destroy(&songs->lock);
	free(songs);
}

json_t *songs_all(struct songs *songs)
{
	json_t *items = json_array();
	const char *key;
	json_t *item;
	pthread_rwlock_rdlock(&songs->lock);
	json_object_foreach(songs->items, key, item)
	{
		json_array_append(items, item);
	}
	pthread_rwlock_unlock(&songs->lock);
	return json_pack("{s:I, s:o}", "Count", (json_int_t)json_array_size(items), "Items", items);
}

json_t *songs_find(struct songs *songs, const char *music_id)
{
	json_t *items = json_array();
	pthread_rwlock_rdlock(&songs->lock);
	json_t *item = json_object_get(songs->items, music_id);
	if (item)
		json_array_append(items, item);
	pthread_rwlock_unlock(&songs->lock);
	return json_pack("{s:I, s:o}", "Count", (json_int_t)json_array_size(items), "Items", items);
}

/* RFC 4122, version 4. */
static void make_uuid(char text[MUSIC_ID_SIZE])
{
	uint8_t b[16];
	if (getrandom(b, sizeof b, 0) != sizeof b)
		abort();
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(text, MUSIC_ID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

void songs_add(struct songs *songs, const char *artist, const char *title, char ret_music_id[MUSIC_ID_SIZE])
{
	make_uuid(ret_music_id);
	json_t *item = new_item(artist, title, ret_music_id);
	pthread_rwlock_wrlock(&songs->lock);
	json_object_set_new(songs->items, ret_music_id, item);
	pthread_rwlock_unlock(&songs->lock);
}

bool songs_remove(struct songs *songs, const char *music_id)
{
	pthread_rwlock_wrlock(&songs->lock);
	bool was_there = json_object_del(songs->items, music_id) == 0;
	pthread_rwlock_unlock(&songs->lock);
	return was_there;
}
