#include "transfer/upload.h"

#include <inttypes.h>
#include <string.h>

#include "base/fd.h"
#include "oci/reference.h"
#include "transfer/cancel.h"
#include "transfer/download.h"
#include "transfer/location.h"
#include "transfer/upload_session.h"

#define PROGRESS_FORGIVES ((uint64_t)1024 * 1024) /* bytes after which a break counts as the first again */

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
static int ask_whether_exists(const struct upload *upload, struct upload_session *session, bool *ret_exists,
			      struct error *err)
{
	cleanup_free char *url =
		format_string("%s/v2/%s/blobs/%s", upload->registry->base, upload->path, upload->blob->digest.text);
	struct registry_call call = {.method = "HEAD", .url = url, .scopes = session->scopes, .retry = &session->retry};
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	if (registry_expect(upload->registry, session->http, &call, 200, 404, &exchange, err) < 0)
		return -1;
	const struct http_response *response = http_response(exchange);
	*ret_exists = response->status == 200;
	if (*ret_exists && response->content_length >= 0 && (uint64_t)response->content_length != upload->blob->size)
		return error_set(err, ERROR_CORRUPT,
				 "the registry has %s with %" PRIi64 " bytes, and the image says %" PRIu64,
				 upload->blob->digest.text, response->content_length, upload->blob->size);
	return 0;
}

/* POST, with a mount where there is something to mount. */
static int begin(const struct upload *upload, struct upload_session *session, bool *ret_is_mounted, struct error *err)
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
	return upload_session_begin(session, url, may_mount(upload), ret_is_mounted, err);
}

/* From registry to registry: a second client, since one exchange is read from within the other. */
static int copy(const struct upload *upload, struct upload_session *session, struct error *err)
{
	cleanup_http struct http *second = NULL;
	if (http_new(&second, err) < 0)
		return -1;
	cleanup_download struct download *download =
		download_new(upload->origin, second, upload->origin_path, upload->blob, NULL, NULL);
	struct source source = download_source(download);
	struct http_body body = {.fd = -1, .source = &source, .size = upload->blob->size};
	int result = upload_session_put(session, &body, err);
	if (result == 0)
		result = download_finish(download, err);
	/* What is read once cannot go on in the middle. */
	upload_session_release(session);
	return result < 0 ? error_wrap(err, "copy layer %s from %s/%s", upload->blob->digest.text,
				       upload->origin->domain, upload->origin_path)
			  : 0;
}

static int missing(const struct upload *upload, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND,
			 "layer %s is not kept here in compressed form, %s does not have it, and no registry is known "
			 "that does: "
			 "pull the image again from where it came, or build it here, then push",
			 upload->blob->digest.text, upload->registry->domain);
}

/* ret_is_here: whether the bytes are in the store, with the size that the manifest says. */
static int find_bytes(const struct upload *upload, bool *ret_is_here, struct error *err)
{
	struct blob_info info;
	struct error why = {0};
	*ret_is_here = false;
	if (!upload->blobs)
		return 0;
	*ret_is_here = upload->blobs->operations->stat(upload->blobs, &upload->blob->digest, &info, &why) == 0;
	if (!*ret_is_here && why.kind != ERROR_NOT_FOUND) {
		*err = why;
		return -1;
	}
	if (!*ret_is_here && !upload->origin)
		return missing(upload, err);
	if (*ret_is_here && info.size != upload->blob->size)
		return error_set(err, ERROR_CORRUPT,
				 "blob %s has %" PRIu64 " bytes here, and %" PRIu64 " in the manifest",
				 upload->blob->digest.text, info.size, upload->blob->size);
	return 0;
}

/* The registry verifies the digest; the size was checked, so that a wrong one is not blamed on the network. */
static int send_whole(const struct upload *upload, struct upload_session *session, struct error *err)
{
	cleanup_close int fd = -1;
	if (upload->blobs->operations->open(upload->blobs, &upload->blob->digest, &fd, err) < 0)
		return -1;
	struct http_body body = {.fd = fd, .size = upload->blob->size};
	return upload_session_put(session, &body, err);
}

static int send_rest(const struct upload *upload, struct upload_session *session, struct error *err)
{
	cleanup_close int fd = -1;
	if (upload->blobs->operations->open(upload->blobs, &upload->blob->digest, &fd, err) < 0)
		return -1;
	return upload_session_resume(session, fd, err);
}

/* From the question whether it is there. */
static int start_over(const struct upload *upload, struct upload_session *session, struct error *err)
{
	bool exists, is_here, is_mounted;
	if (ask_whether_exists(upload, session, &exists, err) < 0)
		return -1;
	if (exists) {
		tell(upload, "Layer already exists", 0, 0);
		return 0;
	}
	if (find_bytes(upload, &is_here, err) < 0 || begin(upload, session, &is_mounted, err) < 0)
		return -1;
	if (is_mounted) {
		if (upload->progress)
			progress_tell_mounted(upload->progress, upload->origin_path);
		return 0;
	}
	if (is_here ? send_whole(upload, session, err) < 0 : copy(upload, session, err) < 0)
		return -1;
	tell(upload, "Pushed", 0, 0);
	return 0;
}

/* Goes on with the session that an earlier attempt left open; without one, or where that is refused, starts over. */
static int attempt(const struct upload *upload, struct upload_session *session, struct error *err)
{
	if (session->url) {
		if (send_rest(upload, session, err) == 0) {
			tell(upload, "Pushed", 0, 0);
			return 0;
		}
		if (session->url || cancel_is_requested())
			return -1;
		error_clear(err);
	}
	return start_over(upload, session, err);
}

/*
 * After a failure: 0 where it may be tried again, having waited; else -1 with the error as it was. `furthest` is what
 * the registry had when a break was last forgiven: never for the same bytes again, so that this has an end.
 */
static int may_retry(const struct upload *upload, struct upload_session *session, uint64_t *furthest, struct error *err)
{
	struct retry *retry = &session->retry;
	/* A token that ended while a copy was going on: the next attempt asks for another. */
	if (err->kind == ERROR_UNAUTHORIZED && retry->failures == 0 && upload->origin) {
		retry->failures++;
		return 0;
	}
	if (session->offset >= *furthest + PROGRESS_FORGIVES) {
		*furthest = session->offset;
		retry->failures = 0;
	}
	if (retry_wait(retry, err) < 0)
		return -1;
	/* A session that leads nowhere: the last attempt is without it. */
	if (retry->failures == RETRY_LIMIT)
		upload_session_release(session);
	return 0;
}

struct existence {
	const struct upload *upload;
	struct upload_session session;
	bool exists;
};

/* The session's own retry is the one that is waited for. */
static int ask_once(void *context, struct retry *retry, struct error *err)
{
	struct existence *asked = context;
	return ask_whether_exists(asked->upload, &asked->session, &asked->exists, err);
}

int upload_blob_exists(const struct upload *upload, struct http *http, bool *ret_exists, struct error *err)
{
	cleanup_string_list struct string_list scopes = {0};
	struct existence asked = {.upload = upload,
				  .session = {.registry = upload->registry, .http = http, .scopes = &scopes}};
	upload_scopes(upload, &scopes);
	if (retry_until(&asked.session.retry, ask_once, &asked, err) < 0)
		return -1;
	*ret_exists = asked.exists;
	return 0;
}

int upload_blob(const struct upload *upload, struct http *http, struct error *err)
{
	cleanup_string_list struct string_list scopes = {0};
	cleanup_upload_session struct upload_session session = {.registry = upload->registry,
								.http = http,
								.scopes = &scopes,
								.blob = upload->blob,
								.on_sent = tell_pushing,
								.context = (void *)upload,
								.retry.is_patient = true};
	uint64_t furthest = 0;
	struct error why = {0};
	upload_scopes(upload, &scopes);
	while (attempt(upload, &session, &why) < 0) {
		if (may_retry(upload, &session, &furthest, &why) < 0) {
			if (err)
				*err = why;
			return -1;
		}
		error_clear(&why);
	}
	return 0;
}
