#include "transfer/resolve.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "oci/media_type.h"
#include "transfer/failure.h"
#include "transfer/retry.h"

#define ACCEPT                                                                                                         \
	"Accept: " MEDIA_TYPE_OCI_INDEX ", " MEDIA_TYPE_OCI_MANIFEST ", " MEDIA_TYPE_DOCKER_LIST                       \
	", " MEDIA_TYPE_DOCKER_MANIFEST

void resolved_release(struct resolved *resolved)
{
	buffer_release(&resolved->bytes);
	buffer_release(&resolved->index);
	manifest_release(&resolved->manifest);
}

/* Docker's sentences around the registry's own words. */
static int explain(const struct request *request, const char *code, int status, struct error *err)
{
	cleanup_free char *name = request_familiar_name(request);
	cleanup_free char *reference = request_familiar_reference(request);
	if (status == 401 || status == 403)
		return error_wrap(err,
				  "pull access denied for %s, repository does not exist or may require 'docker login'",
				  name);
	if (status == 404 && strcmp(code, "NAME_UNKNOWN") == 0)
		return error_wrap(err, "repository %s not found", name);
	if (status == 404 && !*code) {
		error_set(err, ERROR_NOT_FOUND, "manifest unknown: manifest unknown");
		return error_wrap(err, "manifest for %s not found", reference);
	}
	return status == 404 ? error_wrap(err, "manifest for %s not found", reference)
			     : error_wrap(err, "read the manifest of %s", reference);
}

static int ask(struct registry *registry, struct http *http, const struct request *request, const char *method,
	       const char *reference, struct retry *retry, struct http_exchange **ret_exchange, struct error *err)
{
	cleanup_free char *url =
		format_string("%s/v2/%s/manifests/%s", registry->base, request_remote_path(request), reference);
	cleanup_string_list struct string_list headers = {0};
	cleanup_string_list struct string_list scopes = {0};
	string_list_add(&headers, ACCEPT);
	registry_add_scope(&scopes, request_remote_path(request), "pull");
	struct registry_call call = {
		.method = method, .url = url, .scopes = &scopes, .headers = &headers, .retry = retry};
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	if (registry_open(registry, http, &call, &exchange, err) < 0)
		return err && err->kind == ERROR_UNAUTHORIZED ? explain(request, "", 401, err) : -1;
	int status = http_response(exchange)->status;
	if (status != 200) {
		char code[FAILURE_CODE_SIZE];
		registry_failure(registry, exchange, code, err);
		return explain(request, code, status, err);
	}
	*ret_exchange = steal_pointer(&exchange);
	return 0;
}

/* `expected` set: the bytes must have that digest. Else the one that the registry says, where it says one. */
static int verify(const struct http_response *response, const struct buffer *bytes, const struct digest *expected,
		  struct digest *ret_digest, struct error *err)
{
	if (digest_is_set(expected)) {
		*ret_digest = *expected;
		return digest_verify_bytes(expected, buffer_text(bytes), bytes->size, err);
	}
	if (!response->content_digest) {
		digest_of_bytes(buffer_text(bytes), bytes->size, ret_digest);
		return 0;
	}
	if (digest_parse(response->content_digest, ret_digest, err) < 0)
		return error_wrap(err, "the registry's Docker-Content-Digest header");
	return digest_verify_bytes(ret_digest, buffer_text(bytes), bytes->size, err);
}

/* "application/json; charset=utf-8" → "application/json" */
static char *plain_type(const char *content_type)
{
	return content_type ? duplicate_bytes(content_type, strcspn(content_type, "; \t")) : NULL;
}

struct manifest_request {
	struct registry *registry;
	struct http *http;
	const struct request *request;
	const char *reference;
	const struct digest *expected;
	/* what came */
	struct http_exchange *exchange; /* of a HEAD */
	struct digest digest;
	struct buffer bytes;
	char *type;
};

static int fetch_once(void *context, struct retry *retry, struct error *err)
{
	struct manifest_request *wanted = context;
	const struct request *request = wanted->request;
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	cleanup_buffer struct buffer bytes = {0};
	if (ask(wanted->registry, wanted->http, request, "GET", wanted->reference, retry, &exchange, err) < 0)
		return -1;
	const struct http_response *response = http_response(exchange);
	if (http_read_all(exchange, MANIFEST_SIZE_LIMIT, &bytes, err) < 0)
		return -1;
	if (verify(response, &bytes, wanted->expected, &wanted->digest, err) < 0)
		return error_wrap(err, "verify the manifest of %s/%s:%s", request->domain, request->path,
				  wanted->reference);
	wanted->type = plain_type(response->content_type);
	wanted->bytes = bytes;
	bytes = (struct buffer){0};
	return 0;
}

int resolve_fetch(struct registry *registry, struct http *http, const struct request *request, const char *reference,
		  const struct digest *expected, struct digest *ret_digest, struct buffer *ret_bytes, char **ret_type,
		  struct error *err)
{
	struct manifest_request wanted = {registry, http, request, reference, expected};
	struct retry retry = {0};
	if (retry_until(&retry, fetch_once, &wanted, err) < 0)
		return -1;
	*ret_digest = wanted.digest;
	*ret_bytes = wanted.bytes;
	*ret_type = wanted.type;
	return 0;
}

static int ask_head_once(void *context, struct retry *retry, struct error *err)
{
	struct manifest_request *wanted = context;
	return ask(wanted->registry, wanted->http, wanted->request, "HEAD", wanted->reference, retry, &wanted->exchange,
		   err);
}

/* Puts the manifest that an index has for the platform in the index' place. */
static int descend(struct registry *registry, struct http *http, const struct request *request,
		   struct resolved *resolved, char **type, struct error *err)
{
	cleanup_index struct index index = {0};
	if (index_parse(buffer_text(&resolved->bytes), resolved->bytes.size, *type, &index, err) < 0)
		return -1;
	const struct index_entry *entry;
	if (index_select(&index, &request->platform, &entry, err) < 0)
		return -1;
	if (entry->descriptor.size > MANIFEST_SIZE_LIMIT)
		return error_set(err, ERROR_LIMIT,
				 "the manifest %s has %" PRIu64 " bytes, more than the %zu that are allowed",
				 entry->descriptor.digest.text, entry->descriptor.size, MANIFEST_SIZE_LIMIT);
	cleanup_free char *served = NULL;
	struct buffer bytes = {0};
	if (resolve_fetch(registry, http, request, entry->descriptor.digest.text, &entry->descriptor.digest,
			  &resolved->digest, &bytes, &served, err) < 0)
		return -1;
	resolved->index = resolved->bytes;
	resolved->bytes = bytes;
	if (bytes.size != entry->descriptor.size)
		return error_set(err, ERROR_CORRUPT, "the manifest %s has %zu bytes, and %" PRIu64 " in its index",
				 entry->descriptor.digest.text, bytes.size, entry->descriptor.size);
	replace_string(type, steal_pointer(&served));
	return 0;
}

int resolve(struct registry *registry, struct http *http, const struct request *request, struct resolved *ret_resolved,
	    struct error *err)
{
	cleanup_resolved struct resolved resolved = {0};
	cleanup_free char *type = NULL;
	cleanup_json json_t *document = NULL;
	enum document_kind kind;
	cleanup_free char *reference = request_familiar_reference(request);
	if (resolve_fetch(registry, http, request, request_reference(request), &request->digest,
			  &resolved.repository_digest, &resolved.bytes, &type, err) < 0)
		return -1;
	resolved.digest = resolved.repository_digest;
	if (json_parse(buffer_text(&resolved.bytes), resolved.bytes.size, &document, err) < 0 ||
	    document_classify(document, type, &kind, err) < 0)
		return error_wrap(err, "read the manifest of %s", reference);
	if (kind == DOCUMENT_INDEX && descend(registry, http, request, &resolved, &type, err) < 0)
		return error_wrap(err, "%s", reference);
	if (manifest_parse(buffer_text(&resolved.bytes), resolved.bytes.size, type, &resolved.manifest, err) < 0)
		return error_wrap(err, "read the manifest of %s", reference);
	*ret_resolved = resolved;
	resolved = (struct resolved){0};
	return 0;
}

int resolve_digest(struct registry *registry, struct http *http, const struct request *request,
		   struct digest *ret_digest, uint64_t *ret_size, struct error *err)
{
	const char *reference = request_reference(request);
	struct manifest_request wanted = {registry, http, request, reference, &request->digest};
	struct retry retry = {0};
	if (retry_until(&retry, ask_head_once, &wanted, err) < 0)
		return -1;
	cleanup_http_exchange struct http_exchange *exchange = wanted.exchange;
	const struct http_response *response = http_response(exchange);
	if (response->content_digest && response->content_length >= 0) {
		if (digest_parse(response->content_digest, ret_digest, err) < 0)
			return error_wrap(err, "the registry's Docker-Content-Digest header");
		*ret_size = (uint64_t)response->content_length;
		return 0;
	}
	cleanup_buffer struct buffer bytes = {0};
	cleanup_free char *type = NULL;
	if (resolve_fetch(registry, http, request, reference, &request->digest, ret_digest, &bytes, &type, err) < 0)
		return -1;
	*ret_size = bytes.size;
	return 0;
}
