/*
 * Passwords of users, hashed with scrypt (RFC 7914) at N = 2^14, r = 8, p = 5: 16 MiB and some 0.2 s each. One is
 * computed at a time, so that a flood of logins takes neither the memory nor all threads; who comes meanwhile is told
 * to come again. A password that was right is remembered for a while, as a keyed hash.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/memory.h"

#define PASSWORD_LIMIT 1024 /* bytes */

/* Text with salt and parameters, owned by the caller. */
int password_hash(const char *password, char **ret_hash, struct error *err);

struct password_checker;
struct password_checker *password_checker_new(void);
void password_checker_free(struct password_checker *checker);
/* ERROR_UNAUTHORIZED where it is wrong, ERROR_LIMIT where another one is being checked. */
int password_check(struct password_checker *checker, const char *hash, const char *password, struct error *err);
