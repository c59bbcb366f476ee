#include "songs.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "stores.h"

struct songs *songs_open(const char *folder)
{
	return local_songs_open(folder);
}

void songs_free(struct songs *songs)
{
	songs->operations->free(songs);
}

enum songs_outcome songs_find(struct songs *songs, const char *music_id, struct text **ret_answer)
{
	return songs->operations->find(songs, music_id, ret_answer);
}

enum songs_outcome songs_list(struct songs *songs, const struct songs_page *page, struct text **ret_answer)
{
	return songs->operations->list(songs, page, ret_answer);
}

bool songs_change(struct songs *songs, struct songs_change *change)
{
	return songs->operations->change(songs, change);
}

bool songs_are_ready(struct songs *songs)
{
	return songs->operations->is_ready(songs);
}

long songs_count(struct songs *songs)
{
	return songs->operations->count(songs);
}

void music_id_make(char text[MUSIC_ID_SIZE])
{
	uint8_t b[16];
	if (getrandom(b, sizeof b, 0) != sizeof b)
		abort();
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < sizeof b; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*text++ = '-';
		*text++ = digits[b[i] >> 4];
		*text++ = digits[b[i] & 15];
	}
	*text = '\0';
}

void builder_add_song(struct builder *builder, const struct song *song)
{
	builder_add_string(builder, "{\"Artist\":");
	builder_add_json(builder, song->artist);
	builder_add_string(builder, ",\"SongTitle\":");
	builder_add_json(builder, song->title);
	builder_add_string(builder, ",\"music_id\":");
	builder_add_json(builder, song->music_id);
	builder_add_string(builder, "}");
}

char *song_search_text(const struct song *song)
{
	char *text;
	if (asprintf(&text, "%s\n%s", song->artist, song->title) < 0)
		abort();
	utf8_fold(text);
	return text;
}
