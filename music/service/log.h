/*
 * The service's log, on standard output. A thread of its own writes what has gathered as soon as it can: under load
 * many lines go out in one write, at rest each line at once. Who logs waits where more than 1 MiB is not yet written.
 */
#pragma once

/* Starts the thread. Before it, and after log_stop(), each line is a write. */
void log_start(void);
/* All that was logged is written. */
void log_stop(void);

/* "[2026-11-24 03:04:05,678] ERROR in app: …" */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same with WARNING. */
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The calls that led here, innermost first, as "  at NAME (FILE:LINE)". */
void log_backtrace(void);

/* A crash writes what is in the log, `code`, and its backtrace, and then ends the service as it would have. */
void log_crashes(const char *code);

/* Common log format: `192.0.2.7 - - [24/Nov/2026 03:04:05] "GET /path HTTP/1.1" 200 -`. */
void log_access(const char *address, const char *method, const char *url, const char *version, unsigned status);
