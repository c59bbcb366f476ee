/*
 * Between a worker (worker.h) and the process that started it: a pair of SOCK_SEQPACKET sockets, so that a message is
 * whole whoever sent it: the worker itself, or the child that reads a step's output.
 *
 * A message is a kind, a step and some bytes. Kinds below REPORT_EVENT_COUNT are events of the report; steps are
 * counted by the worker, which goes on from what was there when it was forked.
 */
#pragma once

#include <stdint.h>

#include "build/report.h"

#define LINK_PAYLOAD_LIMIT ((size_t)128 * 1024)

struct link_message {
	uint32_t kind;
	uint32_t step;
	char bytes[LINK_PAYLOAD_LIMIT];
};

/* Nobody who listens is no error: our parent is gone then, and so are we. */
void report_link_send(int fd, uint32_t kind, size_t step, const void *bytes, size_t size);
/* 1: ret_size bytes are in the message; 0: the other side has closed. -1: errno, EAGAIN with nothing there. */
int report_link_receive(int fd, struct link_message *message, size_t *ret_size, int flags);

/* Which of our steps a worker's are. */
struct report_link {
	size_t base; /* those up to here are the same on both sides */
	size_t *steps;
	size_t count;
};
void report_link_release(struct report_link *link);
/* In the worker: from now on all goes to fd. */
void report_link_worker(struct report *report, int fd);
/* 0: the worker never spoke of it. */
size_t report_link_step(const struct report_link *link, size_t step);
/* Takes an event over. With `is_canceled` a failure is what comes of being stopped. */
void report_link_event(struct report *report, struct report_link *link, const struct link_message *message, size_t size,
		       bool is_canceled);
/* What the worker left open is cancelled. */
void report_link_close(struct report *report, struct report_link *link, size_t step);
