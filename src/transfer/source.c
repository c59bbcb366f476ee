#include "transfer/source.h"

#include <string.h>

#include "transfer/cancel.h"
#include "transfer/registries_conf.h"

#define MIRROR_FAILURES_SIZE 1000 /* of the message */

/* Whether another registry may do better. */
static bool may_go_on(const struct error *err)
{
	return err->kind != ERROR_CANCELLED && err->kind != ERROR_SYSTEM && !cancel_is_requested();
}

static int try_source(const struct request *request, const struct registry_source *source, struct http *http,
		      int (*use)(void *context, struct registry *registry, const struct request *asked,
				 struct error *err),
		      void *context, struct error *err)
{
	cleanup_registry struct registry *registry = NULL;
	bool is_own = strcmp(source->domain, request->domain) == 0;
	struct request asked = *request; /* borrows everything */
	asked.remote_path = source->path;
	if (registry_new(source->domain, is_own ? request->username : NULL, is_own ? request->password : NULL,
			 source->insecure || (is_own && request->is_insecure) ? http : NULL, &registry, err) < 0)
		return -1;
	return use(context, registry, &asked, err);
}

int source_try_each(const struct request *request, struct http *http,
		    int (*use)(void *context, struct registry *registry, const struct request *asked,
			       struct error *err),
		    void *context, struct error *err)
{
	cleanup_registries_conf struct registries_conf conf = {0};
	cleanup_registry_sources struct registry_sources sources = {0};
	if (registries_conf_load(&conf, err) < 0 ||
	    registries_conf_sources(&conf, request->domain, request->path, digest_is_set(&request->digest), &sources,
				    err) < 0)
		return -1;
	cleanup_buffer struct buffer failures = BUFFER_INIT(MIRROR_FAILURES_SIZE);
	struct error why = {0};
	for (size_t i = 0; i < sources.count; i++) {
		const struct registry_source *source = &sources.items[i];
		error_clear(&why);
		if (try_source(request, source, http, use, context, &why) == 0)
			return 0;
		if (!may_go_on(&why))
			break;
		/* What is over the buffer's end is left out. */
		if (i + 1 < sources.count)
			buffer_append_format(&failures, NULL, "%s%s/%s: %.300s", i ? "; " : "", source->domain,
					     source->path, why.message);
	}
	if (failures.size == 0 || !may_go_on(&why)) {
		if (err)
			*err = why;
		return -1;
	}
	return error_set(err, why.kind, "%.900s (mirrors were asked before: %s)", why.message, buffer_text(&failures));
}

static int open_checked(const char *domain, const char *path, const char *username, const char *password,
			bool is_insecure, struct http *http, struct registry **ret_registry, struct error *err)
{
	cleanup_registries_conf struct registries_conf conf = {0};
	bool is_called_insecure;
	if (registries_conf_load(&conf, err) < 0 ||
	    registries_conf_check(&conf, domain, path, &is_called_insecure, err) < 0)
		return -1;
	return registry_new(domain, username, password, is_insecure || is_called_insecure ? http : NULL, ret_registry,
			    err);
}

int source_own(const struct request *request, struct http *http, struct registry **ret_registry, struct error *err)
{
	return open_checked(request->domain, request->path, request->username, request->password, request->is_insecure,
			    http, ret_registry, err);
}

int source_other(const char *domain, const char *path, struct http *http, struct registry **ret_registry,
		 struct error *err)
{
	return open_checked(domain, path, NULL, NULL, false, http, ret_registry, err);
}
