/* Threads of coracle-transfer. Signals are for the first one, so that they interrupt what it waits for. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

/* False where the system has no thread to give: do without. */
bool thread_start(pthread_t *ret_thread, void *(*run)(void *context), void *context);
