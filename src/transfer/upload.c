#include "transfer/upload.h"

#include <inttypes.h>
#include <string.h>

#include "base/fd.h"
#include "oci/reference.h"
#include "transfer/cancel.h"
#include "transfer/download.h"
#include "transfer/location.h"

#define PAUSE_MILLISECONDS 500u

static void tell(const struct upload *upload, const char *status, uint64_t current, uint64_t total)
{
	if (upload->progress)
		progress_tell(upload->progress, status, current, total);
}

static void tell_pushing(void *context, uint64_t sent)
{
	const struct upload *upload = context;
	tell(upload, "Pushing", sent, upload->blob->size);
}

static bool may_mount(const struct upload *upload)
{
	return upload->origin == upload->registry && upload->origin && strcmp(upload->origin_path, upload->path) != 0;
}

static void upload_scopes(const struct upload *upload, struct string_list *scopes)
{
	registry_add_scope(scopes, upload->path, "pull,push");
	if (may_mount(upload))
		registry_add_scope(scopes, upload->origin_path, "pull");
}

/* HEAD. ret_exists is false for 404. */
static int ask_whether_exists(const struct upload *upload, struct http *http, const struct string_list *scopes,
			      bool *ret_exists, struct error *err)
{
	cleanup_free char *url =
		format_string("%s/v2/%s/blobs/%s", upload->registry->base, upload->path, upload->blob->digest.text);
	struct registry_call call = {.method = "HEAD", .url = url, .scopes = scopes};
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	if (registry_expect(upload->registry, http, &call, 200, 404, &exchange, err) < 0)
		return -1;
	const struct http_response *response = http_response(exchange);
	*ret_exists = response->status == 200;
	if (*ret_exists && response->content_length >= 0 && (uint64_t)response->content_length != upload->blob->size)
		return error_set(err, ERROR_CORRUPT,
				 "the registry has %s with %" PRIi64 " bytes, and the image says %" PRIu64,
				 upload->blob->digest.text, response->content_length, upload->blob->size);
	return 0;
}

/* POST, with a mount where there is something to mount. ret_url is NULL where it was mounted. */
static int begin(const struct upload *upload, struct http *http, const struct string_list *scopes, char **ret_url,
		 struct error *err)
{
	cleanup_free char *url = format_string("%s/v2/%s/blobs/uploads/", upload->registry->base, upload->path);
	if (may_mount(upload)) {
		cleanup_free char *with_mount = NULL;
		cleanup_free char *with_from = NULL;
		if (location_add_query(url, "mount", upload->blob->digest.text, &with_mount, err) < 0 ||
		    location_add_query(with_mount, "from", upload->origin_path, &with_from, err) < 0)
			return -1;
		replace_string(&url, steal_pointer(&with_from));
	}
	struct registry_call call = {.method = "POST", .url = url, .scopes = scopes};
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	if (registry_expect(upload->registry, http, &call, 202, may_mount(upload) ? 201 : 0, &exchange, err) < 0)
		return -1;
	const struct http_response *response = http_response(exchange);
	if (response->status == 201) {
		*ret_url = NULL;
		return 0;
	}
	if (!response->location)
		return error_set(err, ERROR_INVALID, "%s began an upload and does not say where",
				 upload->registry->domain);
	cleanup_free char *target = NULL;
	if (location_join(response->url, response->location, &target, err) < 0)
		return -1;
	return location_add_query(target, "digest", upload->blob->digest.text, ret_url, err);
}

static int put(const struct upload *upload, struct http *http, const struct string_list *scopes, const char *url,
	       struct http_body *body, struct error *err)
{
	cleanup_string_list struct string_list headers = {0};
	string_list_add(&headers, "Content-Type: application/octet-stream");
	body->size = upload->blob->size;
	body->on_sent = tell_pushing;
	body->context = (void *)upload;
	struct registry_call call = {.method = "PUT", .url = url, .scopes = scopes, .headers = &headers, .body = body};
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	return registry_expect(upload->registry, http, &call, 201, 204, &exchange, err);
}

/* From registry to registry: a second client, since one exchange is read from within the other. */
static int copy(const struct upload *upload, struct http *http, const struct string_list *scopes, const char *url,
		struct error *err)
{
	cleanup_http struct http *second = NULL;
	if (http_new(&second, err) < 0)
		return -1;
	cleanup_download struct download *download =
		download_new(upload->origin, second, upload->origin_path, upload->blob, NULL, NULL);
	struct source source = download_source(download);
	struct http_body body = {.fd = -1, .source = &source};
	if (put(upload, http, scopes, url, &body, err) < 0)
		return -1;
	return download_finish(download, err);
}

/* The registry verifies the digest; size is checked here, so that a wrong one is not blamed on the network. */
static int send_file(const struct upload *upload, struct http *http, const struct string_list *scopes, const char *url,
		     int fd, struct error *err)
{
	struct http_body body = {.fd = fd};
	return put(upload, http, scopes, url, &body, err);
}

static int missing(const struct upload *upload, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND,
			 "layer %s is not kept here in compressed form, %s does not have it, and no registry is known "
			 "that does: "
			 "pull the image again from where it came, or build it here, then push",
			 upload->blob->digest.text, upload->registry->domain);
}

static int attempt(const struct upload *upload, struct http *http, struct error *err)
{
	cleanup_string_list struct string_list scopes = {0};
	cleanup_free char *url = NULL;
	cleanup_close int fd = -1;
	struct blob_info info;
	bool exists;
	upload_scopes(upload, &scopes);
	if (ask_whether_exists(upload, http, &scopes, &exists, err) < 0)
		return -1;
	if (exists) {
		tell(upload, "Layer already exists", 0, 0);
		return 0;
	}
	struct error why = {0};
	bool is_here = upload->blobs->operations->stat(upload->blobs, &upload->blob->digest, &info, &why) == 0;
	if (!is_here && why.kind != ERROR_NOT_FOUND) {
		*err = why;
		return -1;
	}
	if (!is_here && !upload->origin)
		return missing(upload, err);
	if (is_here && info.size != upload->blob->size)
		return error_set(err, ERROR_CORRUPT,
				 "blob %s has %" PRIu64 " bytes here, and %" PRIu64 " in the manifest",
				 upload->blob->digest.text, info.size, upload->blob->size);
	if (begin(upload, http, &scopes, &url, err) < 0)
		return -1;
	if (!url) {
		if (upload->progress)
			progress_tell_mounted(upload->progress, upload->origin_path);
		return 0;
	}
	if (is_here) {
		if (upload->blobs->operations->open(upload->blobs, &upload->blob->digest, &fd, err) < 0 ||
		    send_file(upload, http, &scopes, url, fd, err) < 0)
			return -1;
	} else if (copy(upload, http, &scopes, url, err) < 0) {
		return error_wrap(err, "copy layer %s from %s/%s", upload->blob->digest.text, upload->origin->domain,
				  upload->origin_path);
	}
	tell(upload, "Pushed", 0, 0);
	return 0;
}

int upload_blob(const struct upload *upload, struct http *http, struct error *err)
{
	struct error why = {0};
	for (unsigned tries = 1;; tries++) {
		error_clear(&why);
		if (attempt(upload, http, &why) == 0)
			return 0;
		/* A token that ended while a copy was going on: the next attempt asks for another. */
		bool is_stale = why.kind == ERROR_UNAUTHORIZED && tries == 1 && upload->origin;
		if ((why.kind != ERROR_NETWORK && !is_stale) || tries == UPLOAD_ATTEMPTS || cancel_is_requested())
			break;
		if (cancel_sleep(PAUSE_MILLISECONDS << (tries - 1), &why) < 0)
			break;
	}
	if (err)
		*err = why;
	return -1;
}
