#include <string.h>

#include "oci/media_type.h"
#include "transfer/operations.h"
#include "transfer/registry.h"
#include "transfer/resolve.h"
#include "transfer/source.h"

struct login_job {
	struct registry *registry;
	struct http *http;
	const char *url;
};

static int ask_once(void *context, struct retry *retry, struct error *err)
{
	const struct login_job *job = context;
	cleanup_string_list struct string_list scopes = {0};
	struct registry_call call = {.method = "GET", .url = job->url, .scopes = &scopes, .retry = retry};
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	return registry_expect(job->registry, job->http, &call, 200, 0, &exchange, err);
}

/* GET /v2/ with the credentials, as the distribution specification's "Determining Support" and Docker do. */
int login(const struct request *request, struct http *http, json_t **ret_done, struct error *err)
{
	cleanup_registry struct registry *registry = NULL;
	if (source_own(request, http, &registry, err) < 0)
		return -1;
	cleanup_free char *url = format_string("%s/v2/", registry->base);
	struct login_job job = {registry, http, url};
	struct retry retry = {0};
	if (retry_until(&retry, ask_once, &job, err) < 0) {
		if (!err || err->kind == ERROR_NETWORK || err->kind == ERROR_CANCELLED || strstr(err->message, url))
			return -1;
		return error_wrap(err, "Get \"%s\"", url);
	}
	/* A realm on another host was asked without the password: nothing has verified it. */
	if (registry->auth.refused_realm) {
		error_set(err, ERROR_DENIED, "the password was not verified");
		return auth_explain(&registry->auth, err);
	}
	*ret_done = json_object();
	return 0;
}

struct digest_job {
	struct http *http;
	struct digest digest;
	uint64_t size;
};

static int ask_digest(void *context, struct registry *registry, const struct request *asked, struct error *err)
{
	struct digest_job *job = context;
	return resolve_digest(registry, job->http, asked, &job->digest, &job->size, err);
}

int remote_digest(const struct request *request, struct http *http, json_t **ret_done, struct error *err)
{
	struct digest_job job = {.http = http};
	if (source_try_each(request, http, ask_digest, &job, err) < 0)
		return -1;
	*ret_done = json_pack("{s:s, s:I}", "repository_digest", job.digest.text, "size", (json_int_t)job.size);
	return 0;
}
