/*
 * One blob into a registry (OCI distribution specification v1.1, "Pushing blobs"): asked for, mounted from another
 * repository of the same registry, or sent; in one PUT, with its size and digest said. After a break it goes on from
 * where the registry says it is (upload_session.h), or from the start where the registry cannot say. So many breaks in
 * a row that bring nothing forward, or refusals that are not final (429, 5xx), as retry.h allows, the last of which
 * starts over, end it.
 */
#pragma once

#include <stdint.h>

#include "store/blob.h"
#include "transfer/http.h"
#include "transfer/progress.h"
#include "transfer/registry.h"

struct upload {
	struct registry *registry;
	const char *path;
	const struct descriptor *blob;
	struct blob_store *blobs; /* NULL: none, and `origin` is where it is */
	/* Where it is besides, or NULL: to be mounted where `origin` is `registry`, else copied. */
	struct registry *origin;
	const char *origin_path;
	struct progress *progress; /* NULL: nothing is told */
};

/* HEAD: whether the registry has it. */
int upload_blob_exists(const struct upload *upload, struct http *http, bool *ret_exists, struct error *err);
int upload_blob(const struct upload *upload, struct http *http, struct error *err);
