/*
 * Where a container's questions come in: a UDP and a TCP socket on 127.0.0.11 of its network namespace, at ports by
 * chance, so that a program of the container can have port 53 of all addresses. An nftables table of that namespace
 * leads 127.0.0.11:53 there, once names are to be resolved. The sockets keep the namespace alive: they are closed
 * before the interfaces are to go.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

#define RESOLVER_HOST "127.0.0.11"

struct resolver_sockets {
	int udp_fd, tcp_fd; /* owned; -1: none */
};
#define RESOLVER_SOCKETS_INIT ((struct resolver_sockets){-1, -1})

/* redirects: names are resolved from the start. */
int resolver_sockets_open(pid_t pid, bool redirects, struct resolver_sockets *ret_sockets, struct error *err);
/* Of a container that runs with such sockets. Again is success. */
int resolver_redirect(pid_t pid, struct error *err);
