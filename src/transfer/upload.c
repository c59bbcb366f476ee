#include "transfer/upload.h"

#include <inttypes.h>
#include <string.h>

#include "base/fd.h"
#include "oci/reference.h"
#include "transfer/cancel.h"
#include "transfer/download.h"
#include "transfer/location.h"
#include "transfer/upload_session.h"

#define FIRST_PAUSE	  500u			  /* milliseconds */
#define LONGEST_PAUSE	  10000u		  /* milliseconds */
#define PROGRESS_FORGIVES ((uint64_t)1024 * 1024) /* bytes after which a break counts as the first again */

struct retries {
	unsigned count;	   /* failures in a row */
	uint64_t furthest; /* bytes that the registry had when a break was last forgiven */
};

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
	if (ask_whether_exists(upload, session->http, session->scopes, &exists, err) < 0)
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

/* After a failure: 0 where it may be tried again, having waited; else -1 with the error as it was. */
static int may_retry(const struct upload *upload, struct upload_session *session, struct retries *retries,
		     struct error *err)
{
	retries->count++;
	/* A token that ended while a copy was going on: the next attempt asks for another. */
	bool is_stale = err->kind == ERROR_UNAUTHORIZED && retries->count == 1 && upload->origin;
	if ((err->kind != ERROR_NETWORK && !is_stale) || cancel_is_requested())
		return -1;
	/* Never for the same bytes again, so that this has an end. */
	if (session->offset >= retries->furthest + PROGRESS_FORGIVES) {
		retries->furthest = session->offset;
		retries->count = 1;
	}
	if (retries->count == UPLOAD_ATTEMPTS)
		return error_wrap(err, "given up after %d attempts", UPLOAD_ATTEMPTS);
	/* A session that leads nowhere: the last attempt is without it. */
	if (retries->count == UPLOAD_ATTEMPTS - 1)
		upload_session_release(session);
	unsigned pause = FIRST_PAUSE << (retries->count - 1);
	if (session->retry_after > 0)
		pause = session->retry_after < LONGEST_PAUSE / 1000 ? session->retry_after * 1000 : LONGEST_PAUSE;
	return cancel_sleep(pause, err);
}

int upload_blob(const struct upload *upload, struct http *http, struct error *err)
{
	cleanup_string_list struct string_list scopes = {0};
	cleanup_upload_session struct upload_session session = {.registry = upload->registry,
								.http = http,
								.scopes = &scopes,
								.blob = upload->blob,
								.on_sent = tell_pushing,
								.context = (void *)upload};
	struct retries retries = {0};
	struct error why = {0};
	upload_scopes(upload, &scopes);
	while (attempt(upload, &session, &why) < 0) {
		if (may_retry(upload, &session, &retries, &why) < 0) {
			if (err)
				*err = why;
			return -1;
		}
		error_clear(&why);
	}
	return 0;
}
