/*
 * Work that would leave something half-made if a signal just ended the process. Between interrupt_defer() and
 * interrupt_resume(), which may be nested, a handler of SIGINT and its like does no more than
 *
 *     if (interrupt_is_deferred()) {
 *             interrupt_note(number);
 *             return;
 *     }
 *
 * and each loop of the work asks interrupt_check(), which fails once one was noted: the work unwinds, takes away what
 * it has made, and the error tells why it ended. One that no check has seen comes again when the last
 * interrupt_resume() is called. One thread only.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

void interrupt_defer(void);
void interrupt_resume(void);
/* 0, or -1 with ERROR_CANCELLED. */
int interrupt_check(struct error *err);

/* For handlers. */
bool interrupt_is_deferred(void);
void interrupt_note(int number);
