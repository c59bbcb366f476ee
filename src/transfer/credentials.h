/*
 * ~/.docker/config.json (or $DOCKER_CONFIG/config.json), member "auths", written with mode 0600 by replacing the file.
 * Credentials are looked up by the registry's exact host[:port] and never offered to another (CVE-2021-41092). Keys are
 * read as Docker writes them: "HOST", "https://HOST", "https://HOST/v1/"; docker.io's is "https://index.docker.io/v1/".
 * Members that are not known here stay as they are. Where the file names a helper ("credHelpers", "credsStore"), the
 * helper alone is asked and told (credential_helper.h).
 *
 * An identity token, which some registries hand out instead of a password, is what a user named CREDENTIALS_TOKEN_USER
 * has for a password, as in Docker's helpers.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/memory.h"

#define CREDENTIALS_TOKEN_USER "<token>"

struct credentials {
	char *username; /* NULL: none */
	char *password;
};
void credentials_release(struct credentials *credentials);
#define cleanup_credentials CLEANUP(credentials_release)

/* None is success with username NULL. */
int credentials_find(const char *domain, struct credentials *ret_credentials, struct error *err);
/* ret_path: the file that has the password now, for Docker's warning, NULL where a helper has it; owned by the caller.
 */
int credentials_store(const char *domain, const char *username, const char *password, char **ret_path,
		      struct error *err);
/* ret_found: whether there were any. */
int credentials_erase(const char *domain, bool *ret_found, struct error *err);
