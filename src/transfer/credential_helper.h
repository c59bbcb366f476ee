/*
 * Docker's credential helpers: a program docker-credential-NAME on the PATH that keeps passwords in a keychain. It is
 * run with one word, "get", "store" or "erase", reads its input and writes its answer as JSON.
 *
 * A helper that cannot be run or fails is an error that names it; credentials are then never looked for elsewhere
 * (CVE-2021-41092).
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "transfer/credentials.h"

/* `server` is the key that Docker would use. None is success with username NULL. */
int credential_helper_get(const char *name, const char *server, struct credentials *ret_credentials, struct error *err);
int credential_helper_store(const char *name, const char *server, const char *username, const char *password,
			    struct error *err);
/* ret_found: whether there were any. */
int credential_helper_erase(const char *name, const char *server, bool *ret_found, struct error *err);
