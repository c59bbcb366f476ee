/*
 * A file of the web into the blob store, under its own digest: for ADD and for contexts of builds. No registry's rules:
 * any host, plain http too, no credentials. What broke off begins anew, since such a server promises nothing about the
 * second half of a file.
 */
#include <inttypes.h>

#include "base/fd.h"
#include "store/blob.h"
#include "transfer/cancel.h"
#include "transfer/location.h"
#include "transfer/operations.h"
#include "transfer/retry.h"

#define CHUNK_SIZE ((size_t)256 * 1024)

struct fetch {
	struct http *http;
	struct blob_store *store;
	const char *url;
	const struct digest *expected; /* unset: any */
	uint64_t limit;
	/* What came. */
	struct digest digest;
	uint64_t size;
	int64_t last_modified; /* seconds since 1970; 0: not said */
};

static int receive(struct fetch *fetch, struct http_exchange *exchange, struct blob_upload *upload,
		   struct hasher *hasher, struct error *err)
{
	cleanup_free char *chunk = allocate(CHUNK_SIZE);
	for (;;) {
		ssize_t got = http_read(exchange, chunk, CHUNK_SIZE, err);
		if (got <= 0)
			return (int)got;
		if (cancel_is_requested())
			return cancel_error(err);
		if (upload->offset + (uint64_t)got > fetch->limit)
			return error_set(err, ERROR_LIMIT, "%.500s is larger than %" PRIu64 " bytes", fetch->url,
					 fetch->limit);
		if (fetch->store->operations->upload_append(upload, chunk, (size_t)got, err) < 0)
			return -1;
		hasher_update(hasher, chunk, (size_t)got);
	}
}

/* The upload is gone after this, whatever becomes of it. */
static int keep(struct fetch *fetch, struct http_exchange *exchange, struct blob_upload *upload, struct error *err)
{
	bool has_expected = digest_is_set(fetch->expected);
	cleanup_hasher struct hasher *hasher =
		hasher_new(has_expected ? digest_algorithm_of(fetch->expected) : DIGEST_SHA256);
	int result = receive(fetch, exchange, upload, hasher, err);
	if (result == 0) {
		struct digest digest;
		hasher_finish(hasher, &digest);
		fetch->size = upload->offset;
		if (has_expected && !digest_equal(&digest, fetch->expected))
			result = error_set(err, ERROR_CORRUPT, "digest mismatch %s: %s", digest.text,
					   fetch->expected->text);
		else
			result = fetch->store->operations->upload_commit(upload, &digest, err);
		fetch->digest = digest;
	}
	if (result < 0)
		fetch->store->operations->upload_abort(upload);
	return result;
}

static int attempt(void *context, struct retry *retry, struct error *err)
{
	struct fetch *fetch = context;
	const struct http_request request = {.method = "GET", .url = fetch->url};
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	if (http_open(fetch->http, &request, &exchange, err) < 0)
		return -1;
	const struct http_response *response = http_response(exchange);
	if (response->status < 200 || response->status > 299 || response->status == 206) {
		bool may_pass = response->status == 429 || response->status >= 500;
		retry->after = response->retry_after;
		return error_set(err, may_pass ? ERROR_NETWORK : ERROR_NOT_FOUND, "invalid response status %d",
				 response->status);
	}
	if (response->content_length > 0 && (uint64_t)response->content_length > fetch->limit)
		return error_set(err, ERROR_LIMIT, "%.500s is larger than %" PRIu64 " bytes", fetch->url, fetch->limit);
	struct blob_upload *upload = NULL;
	if (fetch->store->operations->upload_open(fetch->store, NULL, &upload, err) < 0)
		return -1;
	fetch->last_modified = response->last_modified;
	return keep(fetch, exchange, upload, err);
}

int fetch_file(const struct request *request, struct http *http, json_t **ret_done, struct error *err)
{
	struct fetch fetch = {.http = http, .expected = &request->digest};
	int64_t limit = 0;
	if (json_need_string(request->members, "url", &fetch.url, err) < 0 ||
	    json_need_integer(request->members, "limit", &limit, err) < 0)
		return error_wrap(err, "read the request");
	if (limit <= 0)
		return error_set(err, ERROR_INVALID, "\"limit\" is not a number of bytes");
	fetch.limit = (uint64_t)limit;
	cleanup_close int root = open_folder(request->root, false, 0, err);
	cleanup_close int folder = root < 0 ? -1 : open_folder_at(root, "blobs", true, 0700, err);
	cleanup_blob_store struct blob_store *store = NULL;
	if (folder < 0 || blob_store_open_files(folder, &store, err) < 0)
		return -1;
	fetch.store = store;
	location_allow_plain();
	struct retry retry = {0};
	if (retry_until(&retry, attempt, &fetch, err) < 0)
		return -1;
	*ret_done = json_pack("{s:s, s:I, s:I}", "digest", fetch.digest.text, "size", (json_int_t)fetch.size,
			      "last_modified", (json_int_t)fetch.last_modified);
	return 0;
}
