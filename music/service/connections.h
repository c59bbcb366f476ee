/* Connections of the server: who is at the other end, and since when the other end is waited for. */
#pragma once

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdatomic.h>

#define REQUEST_ID_SIZE 65

struct connections;

struct connection_link {
	struct connection_link *before, *behind;
	int fd;
	atomic_long since; /* CLOCK_MONOTONIC_COARSE, seconds: the last step that it made as a whole */
	char address[INET6_ADDRSTRLEN];
};

/* A thread ends connections that have made no step for `seconds`. */
struct connections *connections_new(long seconds);
void connections_free(struct connections *connections);

/* For MHD_OPTION_NOTIFY_CONNECTION; its context is struct connections. */
void connections_notice(void *context, struct MHD_Connection *connection, void **socket_context,
			enum MHD_ConnectionNotificationCode code);
struct connection_link *connection_link_of(struct MHD_Connection *connection);
/* It made a step: a request's headers are whole, an answer begins, an answer is sent. */
void connections_touch(struct connection_link *link);

/* The client's own id where it is 1 to 64 letters, digits, dots, dashes or underscores; else a fresh one. */
void request_id_make(const char *wanted, char ret_id[REQUEST_ID_SIZE]);
