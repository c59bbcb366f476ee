/*
 * URLs of registries and what they point at. The rules of security about where a request may go are here, in one place:
 * only https, and http to this very machine or to a registry that registries.conf calls insecure; never from https down
 * to http; never a URL with a user's name in it.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/* 127.0.0.0/8, ::1 (with or without brackets) or "localhost"; `host` has no port. */
bool location_host_is_loopback(const char *host);
/* The same for "host[:port]", as a registry's name has it. */
bool location_authority_is_loopback(const char *authority);

/*
 * "host[:port]" of a registry that registries.conf calls insecure: plain http to it is let through from now on, and its
 * certificate is not verified. For the life of the process; any thread.
 */
void location_allow_insecure(const char *authority);
bool location_is_insecure(const char *authority);

/* For a process that fetches files and asks no registry: plain http to any host from now on. Certificates are verified
 * as ever, and https never becomes http. */
void location_allow_plain(void);
bool location_plain_is_allowed(void);

/* Whether url may be asked at all. Fails with ERROR_DENIED. */
int location_check(const char *url, struct error *err);
/*
 * Where `reference` (absolute or relative, RFC 3986 section 5) leads from `base`; owned by the caller. Fails where
 * location_check() does, and where https would become http.
 */
int location_join(const char *base, const char *reference, char **ret_url, struct error *err);
/* Adds NAME=VALUE, encoded, to the query, whether there is one already or not. */
int location_add_query(const char *url, const char *name, const char *value, char **ret_url, struct error *err);
/* Same scheme, host and port: what credentials are for. */
bool location_same_origin(const char *a, const char *b);
/* "host" or "host:port" where the port is not the scheme's own; owned by the caller; NULL where url is none. */
char *location_authority(const char *url);
