/*
 * Whom to trust, per registry, in the folders that Docker and containers' tools document, first found first:
 *     /etc/coracle/certs.d/HOST[:PORT]/    /etc/docker/certs.d/HOST[:PORT]/    /etc/containers/certs.d/HOST[:PORT]/
 * In a folder:
 *     *.crt                  CA certificates, beside those of the system
 *     NAME.cert, NAME.key    a client certificate
 *     realm                  (ours) hosts, one a line, that may get this registry's credentials for a token besides
 *                            the registry itself
 * CORACLE_CERTS names one folder to look in instead of the three.
 */
#pragma once

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"

struct trust {
	bool exists;		    /* a folder for this host was found */
	struct buffer certificates; /* PEM of the system's and of the folder's CAs; empty: just the system's */
	char *client_certificate;   /* path, or NULL */
	char *client_key;	    /* path, or NULL */
	char *realms;		    /* text of the file, or NULL */
};

/* `authority` is "host[:port]". A host without a folder is success with `exists` false. */
int trust_load(const char *authority, struct trust *ret_trust, struct error *err);
/* Whether a folder for that host exists. */
bool trust_exists(const char *authority);
bool trust_allows_realm(const struct trust *trust, const char *realm_authority);
/* The same by the registry's name. */
bool trust_realm_is_allowed(const char *authority, const char *realm_authority);
/* Where a CA certificate for that host would be looked for, for messages; owned by the caller. */
char *trust_advice(const char *authority);
void trust_release(struct trust *trust);
#define cleanup_trust CLEANUP(trust_release)
