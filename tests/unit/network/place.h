/*
 * Places of a test: network namespaces, each held by a child process that dies with us. The test process itself is the
 * host, in a namespace of its own.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

#include "network/endpoint.h"

#define ANSWER_SIZE 64

struct place {
	pid_t pid; /* 0: the host */
	int go_fd; /* closing it lets the child configure itself */
	int done_fd;
};

/* NULL, or why the tests cannot run here. */
const char *place_enter_host(void);

/* A namespace; with an endpoint, its process calls endpoint_configure_inside() when told by place_configure(). */
void place_make(struct place *place, const struct endpoint *endpoint);
/* false with the child's words in *err. */
bool place_configure(struct place *place, struct error *err);
void place_end(struct place *place);

/* Runs a function in a child within the place; its return value is the child's exit code. */
typedef int place_function(void *context);
int place_run(const struct place *place, place_function *function, void *context);
/* Runs a program there; true where it exits with 0. Arguments end with NULL. */
bool place_execute(const struct place *place, const char *program, ...) __attribute__((sentinel));
/* Writes to a file of /proc/sys there. */
bool place_set(const struct place *place, const char *path, const char *value);

/* A server that answers each connection or datagram with its peer's address. Its process id. */
pid_t place_serve(const struct place *place, bool is_udp, uint16_t port);
/* The answer, where one came within the time. */
bool place_ask(const struct place *place, bool is_udp, const char *address, uint16_t port, char answer[ANSWER_SIZE]);
bool place_ask_from(const struct place *place, bool is_udp, const char *source, const char *address, uint16_t port,
		    char answer[ANSWER_SIZE]);
