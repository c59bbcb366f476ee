/* Credentials of a registry: checked there, then kept for later commands. */
#pragma once

#include <stdbool.h>

#include "engine/engine.h"

/* "https://ghcr.io/v2/" and "ghcr.io" are one registry; NULL is docker.io. Owned by the caller. */
char *registry_domain_of(const char *server);
/* ret_path (may be NULL): the file that they are in now, unencrypted, or NULL; owned by the caller. */
int registry_login(const char *domain, const char *username, const char *password, bool is_insecure, char **ret_path,
		   struct error *err);
int registry_logout(const char *domain, bool *ret_was_logged_in, struct error *err);
