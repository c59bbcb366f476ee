/* music.csv: what a list starts with. */
#pragma once

#include "songs.h"

#define SEED_DIGEST_SIZE 65

struct seed {
	struct song *songs; /* in the file's order; an id that comes twice is there twice */
	size_t count;
	char digest[SEED_DIGEST_SIZE]; /* SHA-256 of the file, hexadecimal */
};

enum seed_result { SEED_READ, SEED_ABSENT, SEED_BROKEN };

/*
 * Reads FOLDER/music.csv: a header line "Artist,SongTitle,UUID", then a song a line. SEED_BROKEN where it cannot be
 * read or breaks its form: why was printed to standard error.
 */
enum seed_result seed_read(const char *folder, struct seed *ret_seed);
void seed_release(struct seed *seed);
/* The message for who has neither a file nor a database. */
void seed_complain_absent(const char *folder);
