/*
 * From a name to the registries that have what it names, as registries.conf says (registries_conf.h).
 */
#pragma once

#include "base/error.h"
#include "transfer/http.h"
#include "transfer/registry.h"
#include "transfer/request.h"

/*
 * Calls use(context, registry, asked, err) for the mirrors of what is requested, in turn, then for its own place, until
 * one succeeds; `asked` is the request with remote_path set. A failure that another registry cannot mend (a signal, a
 * disk that is full) ends it. Credentials of the request go to its own registry only; each other place gets those that
 * config.json has for it. What is reported is the failure of the last place, with a word about those before.
 */
int source_try_each(const struct request *request, struct http *http,
		    int (*use)(void *context, struct registry *registry, const struct request *asked,
			       struct error *err),
		    void *context, struct error *err);
/* The registry of the request itself, for what is not pulled. ERROR_DENIED where it is blocked. */
int source_own(const struct request *request, struct http *http, struct registry **ret_registry, struct error *err);
/* Another one, with what is known of it here. */
int source_other(const char *domain, const char *path, struct http *http, struct registry **ret_registry,
		 struct error *err);
