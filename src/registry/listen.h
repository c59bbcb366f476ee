/* Listening sockets. */
#pragma once

#include "base/error.h"

/* "127.0.0.1:5000", "[::1]:5000", ":5000" (all addresses); port 0 is any free one. Returns the descriptor, nonblocking
 * and CLOEXEC, or -1; *ret_bound is the address with the port that it got, owned by the caller. */
int listen_open(const char *address, char **ret_bound, struct error *err);
