/*
 * The music service: keeps a list of songs and answers over HTTP.
 *
 *     s2 PORT             reads /data/music.csv (or $MUSIC_DATA/music.csv)
 *     s2 --health PORT    asks the service of that port whether it is ready; ends with 0 or 1
 *
 * It serves until SIGTERM, SIGINT or a GET of /shutdown, and ends with 0.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

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

/* Over a plain socket: an image without a shell has nothing else to do it with. */
static int ask_health(uint16_t port)
{
	static const char request[] = "GET /readiness HTTP/1.0\r\n\r\n";
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_sec = 3};
	char answer[32] = "";
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	bool asked = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
		     send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1 &&
		     recv(fd, answer, sizeof answer - 1, MSG_WAITALL) > 0;
	close(fd);
	bool ready = asked && strlen(answer) > 12 && strncmp(answer + 9, "200", 3) == 0;
	printf("%s\n", ready ? "ready" : asked ? "not ready" : "no answer");
	return !ready;
}

static int serve(uint16_t port)
{
	sigset_t ends;
	block_signals(&ends);
	const char *exercise = getenv("EXER");
	char code[UNIQUE_CODE_SIZE];
	unique_code_make(USER_ID, exercise ? exercise : "", code);
	log_error("Unique code: %s", code);
	log_crashes(code);
	int listener = server_take_port(port);
	if (listener < 0) {
		fprintf(stderr, "s2: listen on port %u: %s\n", port, strerror(errno));
		return 1;
	}
	const char *folder = getenv("MUSIC_DATA");
	struct service service = {.songs = songs_open(folder ? folder : "/data"), .unique_code = code};
	if (!service.songs)
		return 1;
	log_start();
	struct server *server = server_start(&service, listener);
	if (server) {
		int number;
		sigwait(&ends, &number);
		server_stop(server);
	} else {
		fprintf(stderr, "s2: listen on port %u: %s\n", port, strerror(errno));
	}
	songs_free(service.songs);
	log_stop();
	return !server;
}

int main(int count, char **arguments)
{
	static const struct option options[] = {{"health", no_argument, NULL, 'h'}, {0}};
	bool asks_health = false, is_wrong = false;
	int option;
	uint16_t port;
	while ((option = getopt_long(count, arguments, "", options, NULL)) >= 0) {
		if (option == 'h')
			asks_health = true;
		else
			is_wrong = true;
	}
	if (is_wrong || count - optind != 1 || parse_port(arguments[optind], &port) < 0) {
		fprintf(stderr, "Usage: s2 PORT\n       s2 --health PORT\n\n"
				"Serves the songs of /data/music.csv, or of the folder $MUSIC_DATA.\n");
		return 2;
	}
	if (asks_health)
		return ask_health(port);
	return serve(port);
}
