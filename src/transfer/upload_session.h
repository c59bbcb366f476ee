/*
 * What follows an upload's POST (OCI distribution specification v1.1, "Pushing blobs"): the session that it opened at
 * the registry, until the PUT that closes it.
 *
 * The whole blob goes in that one PUT. Where it breaks off, the registry is asked how much of it has come, the rest
 * follows in a PATCH, and an empty PUT closes the session. Not every registry can do that: some refuse the PATCH, some
 * have forgotten the session when its connection broke. Then upload_session_resume() forgets it too, and the caller
 * begins another.
 */
#pragma once

#include "oci/manifest.h"
#include "transfer/http.h"
#include "transfer/registry.h"

struct upload_session {
	/* The caller's. */
	struct registry *registry;
	struct http *http;
	const struct string_list *scopes;
	const struct descriptor *blob;
	void (*on_sent)(void *context, uint64_t bytes); /* of the blob, from its start */
	void *context;
	/* Its own. */
	char *url;	    /* where the next request goes; NULL: no session is open */
	uint64_t offset;    /* bytes that the registry says it has */
	struct retry retry; /* the caller waits, the session knows Retry-After */
};

/* POST to `url`. ret_is_done: with 201 the blob was mounted, and there is no session. */
int upload_session_begin(struct upload_session *session, const char *url, bool may_mount, bool *ret_is_done,
			 struct error *err);
/* All of the blob in the PUT that closes the session. Where it fails with ERROR_NETWORK the session stays open. */
int upload_session_put(struct upload_session *session, struct http_body *body, struct error *err);
/*
 * Goes on with the blob in `fd`. Where it fails and `url` is still there, the same may be tried again, after a pause;
 * without `url` the registry does not go on with this session.
 */
int upload_session_resume(struct upload_session *session, int fd, struct error *err);
void upload_session_release(struct upload_session *session);
#define cleanup_upload_session CLEANUP(upload_session_release)
