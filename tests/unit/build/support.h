/* A store, a context folder and a host whose RUN is played by a function, all below one temporary folder. */
#pragma once

#include "build/build.h"

struct fixture {
	char folder[64];
	int folder_fd;
	struct store *store;
	struct build_host host;
	struct build_options options;
	char *context;
	int runs;	  /* calls of the host's run() */
	int *shared_runs; /* the same, also of what runs in a worker */
	int fetches;
	const char *web; /* what every URL gives; NULL: 404 */
	struct string_list last_arguments, last_build_arguments;
	char *output; /* of the last build */
	struct error err;
};

void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);

/* Below the context; folders on the way are made. */
void fixture_write(struct fixture *fixture, const char *path, const char *text);
void fixture_link(struct fixture *fixture, const char *path, const char *target);
/* Replaces the Dockerfile and builds; 0 or -1 with fixture->err. */
int fixture_build(struct fixture *fixture, const char *dockerfile, struct image *ret_image);
/* The same, and fails the test unless it works. */
struct image fixture_must_build(struct fixture *fixture, const char *dockerfile);
/* Also under a tag, for FROM. */
struct image fixture_must_build_as(struct fixture *fixture, const char *tag, const char *dockerfile);

struct image_config fixture_config(struct fixture *fixture, const struct image *image);
/* The image's root as one tree; owned by the caller. */
int fixture_view(struct fixture *fixture, const struct image *image);
/* The text of a file in it; "(absent)" where there is none. Owned by the caller. */
char *fixture_read(struct fixture *fixture, const struct image *image, const char *path);
