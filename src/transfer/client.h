/*
 * The engine's side of coracle-transfer: starts it, feeds it, hands on what it says. Links no HTTP. The program is
 * $CORACLE_LIBEXEC/coracle-transfer, else ../libexec/coracle/coracle-transfer beside our own folder. It ends when we
 * end; the caller holds the content lock (store/store.h) until what came is named by a row.
 */
#pragma once

#include "base/error.h"
#include "base/json.h"

/*
 * Starts the program before the request is known, so that it loads while the caller gets ready; the next
 * transfer_request() takes it. Without a request it ends with us, and says nothing. A failure is that request's to
 * tell.
 */
void transfer_prepare(void);

/* Calls `on_event` for each "layer" line, returns the "done" object (owned), or the "error" as *err. */
int transfer_request(const json_t *request, void (*on_event)(void *context, const json_t *event), void *context,
		     json_t **ret_done, struct error *err);
