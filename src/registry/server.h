/*
 * HTTP by libmicrohttpd: a pool of threads over epoll, one pool a listening address. Connections, header sizes, idle
 * times and body sizes are bounded; a body that crawls is cut off.
 */
#pragma once

#include "base/string_list.h"
#include "registry/registry.h"

struct server;

struct server_options {
	struct string_list listen;   /* "127.0.0.1:5000", "[::1]:0" */
	const char *tls_certificate; /* PEM files; both or none */
	const char *tls_key;
};

/* Prints "listening on http://ADDRESS:PORT" on stdout for each. */
int server_start(struct registry *registry, const struct server_options *options, struct server **ret_server,
		 struct error *err);
/* Takes no more connections, waits at most 10 s for the requests that go on, ends. NULL is allowed. */
void server_stop(struct server *server);
