/*
 * The music service: keeps a list of songs and answers over HTTP.
 *
 *     s2 PORT        reads /data/music.csv (or $MUSIC_DATA/music.csv)
 *
 * It serves until SIGTERM, SIGINT or a GET of /shutdown, and ends with 0.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exercise.h"
#include "log.h"
#include "server.h"
#include "unique_code.h"

#ifndef USER_ID
#define USER_ID "regid"
#endif

static int parse_port(const char *text, uint16_t *ret_port)
{
	char *end;
	long port = strtol(text, &end, 10);
	if (*text == '\0' || *end || port < 1 || port > UINT16_MAX)
		return -1;
	*ret_port = (uint16_t)port;
	return 0;
}

/* Blocked in all threads; main takes them with sigwait. */
static void block_signals(sigset_t *ends)
{
	sigemptyset(ends);
	sigaddset(ends, SIGTERM);
	sigaddset(ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, ends, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int main(int count, char **arguments)
{
	uint16_t port;
	if (count != 2 || parse_port(arguments[1], &port) < 0) {
		fprintf(stderr,
			"Usage: s2 PORT\n\nServes the songs of /data/music.csv, or of the folder $MUSIC_DATA.\n");
		return 2;
	}
	sigset_t ends;
	block_signals(&ends);
	const char *exercise = getenv("EXER");
	char code[UNIQUE_CODE_SIZE];
	unique_code_make(USER_ID, exercise ? exercise : "", code);
	log_error("Unique code: %s", code);
	const char *folder = getenv("MUSIC_DATA");
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/music.csv", folder ? folder : "/data");
	struct service service = {.songs = songs_open(path), .unique_code = code};
	if (!service.songs)
		return 1;
	struct server *server = server_start(&service, port);
	if (!server) {
		fprintf(stderr, "s2: listen on port %u: %s\n", port, strerror(errno));
		songs_free(service.songs);
		return 1;
	}
	int number;
	sigwait(&ends, &number);
	server_stop(server);
	songs_free(service.songs);
	return 0;
}
