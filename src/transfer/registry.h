/*
 * A registry and how it is spoken to (OCI distribution specification v1.1).
 *
 * docker.io is https://registry-1.docker.io. Every other name is asked by https, with one exception: a registry on this
 * machine (127.0.0.0/8, ::1, localhost) is asked by plain http, unless its port is 443 or a certs.d folder exists for
 * it (trust.h): then by https. Which one it is, is decided before the first byte, and never changed by what fails. A
 * registry that registries.conf calls insecure is tried by https, unverified, and where that does not connect, by http.
 */
#pragma once

#include "base/error.h"
#include "base/string_list.h"
#include "transfer/auth.h"
#include "transfer/http.h"
#include "transfer/retry.h"

struct registry {
	char *domain; /* as in a reference: "docker.io" */
	char *base;   /* "https://registry-1.docker.io" */
	struct auth auth;
};

/*
 * Credentials: the given ones, or with username NULL those of Docker's config.json. `insecure` is NULL, or, for a
 * registry that registries.conf calls insecure, a client with which it is found out whether it speaks TLS, with any
 * certificate; if not, it is asked by plain http. source.h is who knows.
 */
int registry_new(const char *domain, const char *username, const char *password, struct http *insecure,
		 struct registry **ret_registry, struct error *err);
void registry_free(struct registry *registry);
static inline void registry_free_pointer(struct registry **registry)
{
	registry_free(*registry);
}
#define cleanup_registry CLEANUP(registry_free_pointer)

struct registry_call {
	const char *method;
	const char *url;
	const struct string_list *scopes;  /* "repository:PATH:pull" */
	const struct string_list *headers; /* or NULL */
	const struct http_body *body;	   /* or NULL */
	struct retry *retry;		   /* NULL, or gets the answer's Retry-After */
};

/*
 * http_open with authentication: answers a 401 at most twice. Whatever comes then, 401 too, is the caller's to judge.
 * A body that is a source is sent once only, so then a 401 comes back at once. URLs of other origins get no
 * credentials.
 */
int registry_open(struct registry *registry, struct http *http, const struct registry_call *call,
		  struct http_exchange **ret_exchange, struct error *err);
/* The same for what must answer with `status` (or `other_status`, unless 0); else the registry's own error. */
int registry_expect(struct registry *registry, struct http *http, const struct registry_call *call, int status,
		    int other_status, struct http_exchange **ret_exchange, struct error *err);
/* failure_of_answer with what is known about held back credentials. */
int registry_failure(struct registry *registry, struct http_exchange *exchange, char *ret_code, struct error *err);

/* Appends "repository:PATH:ACTIONS". */
void registry_add_scope(struct string_list *scopes, const char *path, const char *actions);
