/* "blob": one blob of a repository into the store's blobs, verified. For layers of a build cache. */
#include <inttypes.h>

#include "base/fd.h"
#include "store/blob.h"
#include "transfer/cancel.h"
#include "transfer/download.h"
#include "transfer/operations.h"
#include "transfer/source.h"

#define CHUNK_SIZE ((size_t)256 * 1024)

struct blob_job {
	struct http *http;
	struct blob_store *store;
	struct descriptor blob;
};

static int receive(struct blob_upload *upload, const struct source *from, struct error *err)
{
	cleanup_free char *chunk = allocate(CHUNK_SIZE);
	ssize_t got;
	while ((got = source_read(from, chunk, CHUNK_SIZE, err)) > 0) {
		if (cancel_is_requested())
			return cancel_error(err);
		if (upload->store->operations->upload_append(upload, chunk, (size_t)got, err) < 0)
			return -1;
	}
	return (int)got;
}

static int fetch(void *context, struct registry *registry, const struct request *asked, struct error *err)
{
	struct blob_job *job = context;
	struct blob_upload *upload = NULL;
	cleanup_download struct download *download =
		download_new(registry, job->http, request_remote_path(asked), &job->blob, NULL, NULL);
	struct source from = download_source(download);
	if (job->store->operations->upload_open(job->store, NULL, &upload, err) < 0)
		return -1;
	if (receive(upload, &from, err) == 0 && download_finish(download, err) == 0 &&
	    job->store->operations->upload_commit(upload, &job->blob.digest, err) == 0)
		return 0;
	job->store->operations->upload_abort(upload);
	return -1;
}

int fetch_blob(const struct request *request, struct http *http, json_t **ret_done, struct error *err)
{
	int64_t size = 0;
	if (json_need_integer(request->members, "size", &size, err) < 0)
		return error_wrap(err, "read the request");
	if (!digest_is_set(&request->digest) || size < 0)
		return error_set(err, ERROR_INVALID, "read the request: \"digest\" or \"size\" is none");
	cleanup_close int root = open_folder(request->root, false, 0, err);
	cleanup_close int folder = root < 0 ? -1 : open_folder_at(root, "blobs", true, 0700, err);
	cleanup_blob_store struct blob_store *store = NULL;
	if (folder < 0 || blob_store_open_files(folder, &store, err) < 0)
		return -1;
	struct blob_job job = {
		.http = http, .store = store, .blob = {.digest = request->digest, .size = (uint64_t)size}};
	if (source_try_each(request, http, fetch, &job, err) < 0)
		return -1;
	*ret_done = json_pack("{s:s, s:I}", "digest", request->digest.text, "size", (json_int_t)size);
	return 0;
}
