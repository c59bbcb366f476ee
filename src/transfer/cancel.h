/*
 * Stopping: SIGINT, SIGTERM, the end of the parent, or the first failure of one of several workers. Whatever waits or
 * loops asks cancel_is_requested() at least every CANCEL_POLL_MILLISECONDS.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

#define CANCEL_POLL_MILLISECONDS 100

/* SIGINT and SIGTERM request it; a second one kills. SIGPIPE is ignored. SIGTERM comes when the parent dies. */
int cancel_install(struct error *err);
void cancel_request(void);
/* Takes cancel_request() back; a signal stays. */
void cancel_withdraw(void);
bool cancel_is_requested(void);
/* ERROR_CANCELLED. */
int cancel_error(struct error *err);
/* Sleeps; ERROR_CANCELLED where it was cut short. */
int cancel_sleep(unsigned milliseconds, struct error *err);
