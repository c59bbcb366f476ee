/*
 * Where output goes: to the log's files (log_writer.h) or to the journal (journal.h); at once, or with
 * mode=non-blocking through a buffer.
 *
 * The buffer is a pipe, and at its other end a child of ours that does the writing: so the buffer is the kernel's
 * memory, of its size, and this process never waits. What does not fit is dropped and counted, and the log says so.
 * Frames are not larger than PIPE_BUF, so that each is written whole or not at all. The child holds the container's
 * lock too: a start waits until all is written, also where we were killed, since then the child reads to the pipe's end
 * and ends.
 */
#pragma once

#include "base/error.h"
#include "base/time.h"
#include "monitor/journal.h"
#include "monitor/log_writer.h"

struct monitor;

int log_sink_prepare(struct monitor *monitor, struct error *err);
void log_sink_write(struct monitor *monitor, enum log_stream stream, const char *bytes, size_t size);
/* Waits until all is written. */
void log_sink_finish(struct monitor *monitor);
