/*
 * What a registry says when it refuses: the errors document of the distribution specification, section "Error Codes",
 * shown as Docker does: `denied: requested access to the resource is denied`.
 */
#pragma once

#include "base/error.h"
#include "transfer/http.h"

#define FAILURE_CODE_SIZE 64

/*
 * Reads the rest of the answer, a status of 400 or more or one that nobody expects, into an error. ret_code (may be
 * NULL) gets the code, "MANIFEST_UNKNOWN", or "". Returns -1. Its kind: 401 unauthorized, 403 denied, 404 not found,
 * 413 limit, 408, 429 and 5xx network (worth another try), else invalid.
 */
int failure_of_answer(struct http_exchange *exchange, char ret_code[FAILURE_CODE_SIZE], struct error *err);

/* Text of the other side, for a terminal: no control characters, cut after 600 bytes at the end of a character. Owned
 * by the caller. */
char *failure_clean(const char *text);
