/* Which process of this host has a port: /proc/net says which socket, /proc/PID/fd whose that is. */
#pragma once

#include <stddef.h>

#include "network/endpoint.h"

/* " (by nginx, process 812)", or "" where it cannot be told: another namespace's, or gone meanwhile. */
void port_holder_describe(const struct published_port *port, char *text, size_t size);
