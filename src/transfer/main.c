/* coracle-transfer: one request on standard input, answers on descriptor 3 (protocol.h). */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "transfer/cancel.h"
#include "transfer/operations.h"
#include "transfer/progress.h"
#include "transfer/protocol.h"

#define REQUEST_LIMIT ((size_t)16 * 1024 * 1024)
#define BUFFERS_KEPT  (32 * 1024 * 1024) /* the largest threshold that malloc takes */

static int (*const operations[])(const struct request *request, struct http *http, json_t **ret_done,
				 struct error *err) = {
	[OPERATION_PULL] = pull,	[OPERATION_PUSH] = push,
	[OPERATION_LOGIN] = login,	[OPERATION_DIGEST] = remote_digest,
	[OPERATION_TAGS] = remote_tags, [OPERATION_SEARCH] = search,
	[OPERATION_COPY] = copy,	[OPERATION_MANIFEST] = remote_manifest,
	[OPERATION_LIST] = push_list,	[OPERATION_FETCH] = fetch_file,
	[OPERATION_BLOB] = fetch_blob,
};
_Static_assert(ARRAY_SIZE(operations) == OPERATION_COUNT, "an operation does nothing");

static int run(json_t **ret_done, struct error *err)
{
	cleanup_buffer struct buffer text = {0};
	cleanup_request struct request request = {0};
	cleanup_http struct http *http = NULL;
	if (cancel_install(err) < 0 || read_fd(STDIN_FILENO, REQUEST_LIMIT, &text, err) < 0)
		return -1;
	int outcome = request_parse(buffer_text(&text), text.size, &request, err);
	if (text.size > 0)
		explicit_bzero(text.bytes, text.size);
	if (outcome < 0 || http_initialize(err) < 0 || http_new(&http, err) < 0)
		return -1;
	return operations[request.operation](&request, http, ret_done, err);
}

int main(int argument_count, char **arguments)
{
	(void)arguments;
	/* CLOEXEC: a credential helper has no business there. */
	if (argument_count != 1 || fcntl(TRANSFER_ANSWER_FD, F_SETFD, FD_CLOEXEC) < 0) {
		fprintf(stderr,
			"coracle-transfer is run by coracle; it takes no arguments, and a request on standard input\n");
		return 2;
	}
	/* The buffers of one layer are the next one's: fresh pages cost more than what is done with them. */
	mallopt(M_MMAP_THRESHOLD, BUFFERS_KEPT);
	mallopt(M_TRIM_THRESHOLD, BUFFERS_KEPT);
	struct error err = {0};
	json_t *done = NULL;
	int outcome = run(&done, &err);
	if (outcome < 0)
		progress_error(&err);
	else
		outcome = progress_done(done, &err);
	/* Thirty libraries' own ends are of no use to anybody. */
	_exit(outcome < 0 ? 1 : 0);
}
