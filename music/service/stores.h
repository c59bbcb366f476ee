/* Where lists are kept: behind songs.h, for songs.c alone. */
#pragma once

#include "songs.h"

/* In memory, with changes in FOLDER/music.db where that can be written. */
struct songs *local_songs_open(const char *folder);
