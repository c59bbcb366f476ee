/*
 * The HTTP side: libmicrohttpd with a thread a core, each with its own epoll; the access log; and the bounds.
 *
 * A request whose change waits for the disk is suspended, so that no thread waits with it. A client has CLIENT_SECONDS
 * for each of: sending a request, taking an answer, being idle between two; then its connection is closed, however
 * busily it drips. Connections, bytes of headers and of bodies are limited.
 */
#pragma once

#include <stdint.h>

#include "routes.h"

struct server;

/* A socket that has the port, before anything else is opened; -1 where it cannot be had: errno says why. */
int server_take_port(uint16_t port);
/* Serves on that socket, which it owns from now on. NULL where that fails; errno says why. */
struct server *server_start(struct service *service, int listener);
/* No new connection from now on; requests being answered are finished, for at most ten seconds. */
void server_stop(struct server *server);
