#include "transfer/download.h"

#include <inttypes.h>
#include <string.h>

#include "transfer/retry.h"

#define SCRATCH_SIZE	  ((size_t)64 * 1024)
#define PROGRESS_FORGIVES ((uint64_t)1024 * 1024) /* bytes after which a break counts as the first again */

struct download {
	struct registry *registry;
	struct http *http;
	const char *path;
	const struct descriptor *blob;
	struct partial *partial; /* borrowed, or NULL */
	uint64_t kept;		 /* bytes of it that are read before the registry is asked */
	void (*on_bytes)(void *context, uint64_t current);
	void *context;
	struct string_list scopes;
	struct hasher *hasher;
	struct http_exchange *exchange; /* NULL: to be opened */
	uint64_t offset;		/* bytes handed on so far */
	uint64_t broke_at;
	struct retry retry;
};

struct download *download_new(struct registry *registry, struct http *http, const char *path,
			      const struct descriptor *blob, void (*on_bytes)(void *context, uint64_t current),
			      void *context)
{
	struct download *download = allocate(sizeof *download);
	*download = (struct download){.registry = registry,
				      .http = http,
				      .path = path,
				      .blob = blob,
				      .on_bytes = on_bytes,
				      .context = context,
				      .retry.is_patient = true,
				      .hasher = hasher_new(digest_algorithm_of(&blob->digest))};
	registry_add_scope(&download->scopes, path, "pull");
	return download;
}

void download_keep(struct download *download, struct partial *partial)
{
	if (partial->size > download->blob->size)
		partial_cut(partial, 0); /* of another blob */
	download->partial = partial;
	download->kept = partial->size;
	download->broke_at = download->kept;
}

void download_free(struct download *download)
{
	if (!download)
		return;
	http_close(download->exchange);
	hasher_free(download->hasher);
	string_list_release(&download->scopes);
	free(download);
}

/* Reads bytes that were handed on before, for a registry that begins at the start again. */
static int skip(struct http_exchange *exchange, uint64_t size, struct error *err)
{
	cleanup_free char *scratch = allocate(SCRATCH_SIZE);
	while (size > 0) {
		ssize_t got = http_read(exchange, scratch, size < SCRATCH_SIZE ? (size_t)size : SCRATCH_SIZE, err);
		if (got < 0)
			return -1;
		if (got == 0)
			return error_set(err, ERROR_NETWORK, "the registry's second answer is shorter than its first");
		size -= (uint64_t)got;
	}
	return 0;
}

/* "bytes FIRST-LAST/SIZE" must begin where we stopped. */
static bool range_begins_at(const char *range, uint64_t offset)
{
	cleanup_free char *expected = format_string("bytes %" PRIu64 "-", offset);
	return range && strncasecmp(range, expected, strlen(expected)) == 0;
}

static int open_blob(struct download *download, struct error *err)
{
	cleanup_free char *url = format_string("%s/v2/%s/blobs/%s", download->registry->base, download->path,
					       download->blob->digest.text);
	cleanup_string_list struct string_list headers = {0};
	if (download->offset > 0)
		string_list_add_format(&headers, "Range: bytes=%" PRIu64 "-", download->offset);
	struct registry_call call = {.method = "GET",
				     .url = url,
				     .scopes = &download->scopes,
				     .headers = &headers,
				     .retry = &download->retry};
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	if (registry_open(download->registry, download->http, &call, &exchange, err) < 0)
		return -1;
	const struct http_response *response = http_response(exchange);
	if (response->status == 206 && download->offset > 0) {
		if (!range_begins_at(response->content_range, download->offset))
			return error_set(err, ERROR_CORRUPT, "the registry sent another part of %s than was asked for",
					 download->blob->digest.text);
	} else if (response->status == 200) {
		if (skip(exchange, download->offset, err) < 0)
			return -1;
	} else {
		return registry_failure(download->registry, exchange, NULL, err);
	}
	download->exchange = steal_pointer(&exchange);
	return 0;
}

/* After a failure: 0 where it may be tried again, having waited; else -1 with the error as it was. */
static int may_retry(struct download *download, struct error *err)
{
	http_close(steal_pointer(&download->exchange));
	if (download->offset - download->broke_at >= PROGRESS_FORGIVES)
		download->retry.failures = 0;
	download->broke_at = download->offset;
	return retry_wait(&download->retry, err);
}

/* What an earlier attempt left. */
static ssize_t read_kept(struct download *download, void *bytes, size_t size, struct error *err)
{
	uint64_t left = download->kept - download->offset;
	ssize_t got = partial_read(download->partial, download->offset, bytes, size < left ? size : (size_t)left, err);
	return got == 0 ? error_set(err, ERROR_CORRUPT, "what was kept of blob %s is damaged",
				    download->blob->digest.text)
			: got;
}

/* The next bytes of the blob; 0 at the end of the blob. */
static ssize_t read_once(struct download *download, void *bytes, size_t size, struct error *err)
{
	uint64_t left = download->blob->size - download->offset;
	if (download->offset < download->kept)
		return read_kept(download, bytes, size, err);
	if (!download->exchange && download->offset > 0 && left == 0)
		return 0; /* all had come when it broke */
	if (!download->exchange && open_blob(download, err) < 0)
		return -1;
	ssize_t got = http_read(download->exchange, bytes, size, err);
	if (got < 0)
		return -1;
	if ((uint64_t)got > left)
		return error_set(err, ERROR_CORRUPT,
				 "blob %s is longer than the %" PRIu64 " bytes that the manifest says",
				 download->blob->digest.text, download->blob->size);
	if (got == 0 && left > 0)
		return error_set(err, ERROR_NETWORK, "blob %s ended after %" PRIu64 " of %" PRIu64 " bytes",
				 download->blob->digest.text, download->offset, download->blob->size);
	return got;
}

static ssize_t download_read(void *context, void *bytes, size_t size, struct error *err)
{
	struct download *download = context;
	struct error why = {0};
	ssize_t got;
	while ((got = read_once(download, bytes, size, &why)) < 0) {
		if (may_retry(download, &why) < 0) {
			if (err)
				*err = why;
			return -1;
		}
		error_clear(&why);
	}
	if (got > 0) {
		hasher_update(download->hasher, bytes, (size_t)got);
		if (download->partial && download->partial->size == download->offset)
			partial_append(download->partial, bytes, (size_t)got);
		download->offset += (uint64_t)got;
		if (download->on_bytes)
			download->on_bytes(download->context, download->offset);
	}
	return got;
}

struct source download_source(struct download *download)
{
	return (struct source){download_read, download};
}

int download_finish(struct download *download, struct error *err)
{
	cleanup_free char *scratch = allocate(SCRATCH_SIZE);
	ssize_t got;
	while ((got = download_read(download, scratch, SCRATCH_SIZE, err)) > 0)
		continue;
	if (got < 0)
		return -1;
	struct digest digest;
	hasher_finish(download->hasher, &digest);
	if (!digest_equal(&digest, &download->blob->digest))
		return error_set(err, ERROR_CORRUPT, "verification failed for digest %s: the registry sent %s",
				 download->blob->digest.text, digest.text);
	return 0;
}

int download_document(struct registry *registry, struct http *http, const char *path, const struct descriptor *blob,
		      size_t limit, struct buffer *ret_bytes, struct error *err)
{
	if (blob->size > limit)
		return error_set(err, ERROR_LIMIT, "%s has %" PRIu64 " bytes, more than the %zu that are allowed",
				 blob->digest.text, blob->size, limit);
	cleanup_download struct download *download = download_new(registry, http, path, blob, NULL, NULL);
	cleanup_buffer struct buffer bytes = BUFFER_INIT(limit);
	struct source from = download_source(download);
	struct sink to = sink_to_buffer(&bytes);
	if (stream_copy(&from, &to, limit, NULL, err) < 0 || download_finish(download, err) < 0)
		return -1;
	*ret_bytes = bytes;
	bytes = (struct buffer){0};
	return 0;
}
