#include "seed.h"

#include <errno.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"

static const char *add_record(struct seed *seed, const struct csv_record *record)
{
	if (record->count == 1 && !*record->fields[0])
		return NULL; /* an empty line */
	if (record->count != 3)
		return "not three fields (Artist,SongTitle,UUID)";
	if (!*record->fields[2])
		return "the UUID is empty";
	for (size_t i = 0; i < 3; i++) {
		if (!utf8_is_valid(record->fields[i]))
			return "not UTF-8";
		if (strlen(record->fields[i]) > NAME_LIMIT)
			return "a field is longer than 4096 bytes";
	}
	if (seed->count == SONGS_LIMIT)
		return "more than 100000 songs";
	if ((seed->count & (seed->count - 1)) == 0) {
		size_t room = seed->count ? 2 * seed->count : 1;
		seed->songs = realloc(seed->songs, room * sizeof *seed->songs);
		if (!seed->songs)
			abort();
	}
	struct song song = {strdup(record->fields[0]), strdup(record->fields[1]), strdup(record->fields[2])};
	if (!song.artist || !song.title || !song.music_id)
		abort();
	seed->songs[seed->count++] = song;
	return NULL;
}

static bool is_header(const struct csv_record *record)
{
	return record->count == 3 && strcmp(record->fields[0], "Artist") == 0 &&
	       strcmp(record->fields[1], "SongTitle") == 0 && strcmp(record->fields[2], "UUID") == 0;
}

static const char *read_songs(struct seed *seed, FILE *file, struct csv_record *record, unsigned long *line)
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
			problem = add_record(seed, record);
		if (problem) {
			*line = start;
			return problem;
		}
	}
}

static void digest_file(FILE *file, char digest[SEED_DIGEST_SIZE])
{
	struct sha256_ctx context;
	uint8_t bytes[4096];
	size_t size;
	sha256_init(&context);
	while ((size = fread(bytes, 1, sizeof bytes, file)) > 0)
		sha256_update(&context, size, bytes);
	sha256_digest(&context, SHA256_DIGEST_SIZE, bytes);
	for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++)
		snprintf(digest + 2 * i, 3, "%02x", bytes[i]);
}

static void make_path(char path[PATH_MAX], const char *folder)
{
	snprintf(path, PATH_MAX, "%s/music.csv", folder);
}

enum seed_result seed_read(const char *folder, struct seed *ret_seed)
{
	char path[PATH_MAX];
	make_path(path, folder);
	*ret_seed = (struct seed){0};
	FILE *file = fopen(path, "re");
	if (!file) {
		if (errno == ENOENT)
			return SEED_ABSENT;
		fprintf(stderr, "s2: open %s: %s\n", path, strerror(errno));
		return SEED_BROKEN;
	}
	struct csv_record *record = malloc(sizeof *record);
	if (!record)
		abort();
	unsigned long line = 1;
	const char *problem = read_songs(ret_seed, file, record, &line);
	rewind(file);
	digest_file(file, ret_seed->digest);
	fclose(file);
	free(record);
	if (!problem)
		return SEED_READ;
	fprintf(stderr, "s2: %s, line %lu: %s\n", path, line, problem);
	seed_release(ret_seed);
	return SEED_BROKEN;
}

void seed_release(struct seed *seed)
{
	for (size_t i = 0; i < seed->count; i++) {
		free((void *)seed->songs[i].artist);
		free((void *)seed->songs[i].title);
		free((void *)seed->songs[i].music_id);
	}
	free(seed->songs);
	*seed = (struct seed){0};
}

void seed_complain_absent(const char *folder)
{
	fprintf(stderr, "s2: open %s/music.csv: %s. Mount the folder with music.csv there: -v $PWD:/data\n", folder,
		strerror(ENOENT));
}
