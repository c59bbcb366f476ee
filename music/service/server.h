/* The HTTP side: libmicrohttpd's threads, one request body in memory at most BODY_LIMIT bytes, the access log. */
#pragma once

#include <stdint.h>

#include "routes.h"

struct server;

/* NULL where the port cannot be had; errno says why. */
struct server *server_start(struct service *service, uint16_t port);
/* No new connection from now on; requests being answered are finished, for at most two seconds. */
void server_stop(struct server *server);
