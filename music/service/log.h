/*
 * The service's log, on standard output, a line at a time and at once: who reads `logs -f` waits for it.
 */
#pragma once

/* "[2026-11-24 03:04:05,678] ERROR in app: …" */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The calls that led here, innermost first, as "  at NAME (FILE:LINE)". */
void log_backtrace(void);

/* Common log format: `192.0.2.7 - - [24/Nov/2026 03:04:05] "GET /path HTTP/1.1" 200 -`. */
void log_access(const char *address, const char *method, const char *url, const char *version, unsigned status);
