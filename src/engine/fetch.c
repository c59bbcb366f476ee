#include "engine/fetch.h"

#include "engine/registry_request.h"

#define FETCH_LIMIT (16LL << 30) /* bytes */

int file_fetch(struct engine *engine, const char *url, const struct digest *expected, struct fetched_file *ret_file,
	       struct error *err)
{
	struct fetched_file file = {0};
	cleanup_json json_t *request = json_pack("{s:s, s:s, s:s, s:I}", "operation", "fetch", "root",
						 engine->store->root, "url", url, "limit", (json_int_t)FETCH_LIMIT);
	cleanup_json json_t *done = NULL;
	if (!request)
		return error_set(err, ERROR_INVALID, "invalid URL: it is not UTF-8");
	json_set_text(request, "digest", expected && digest_is_set(expected) ? expected->text : NULL);
	if (registry_request_send(request, NULL, &done, err) < 0)
		return -1;
	if (registry_answer_digest(done, "digest", &file.digest, err) < 0 ||
	    json_need_integer(done, "last_modified", &file.modified, err) < 0)
		return error_wrap(err, "coracle-transfer's answer");
	*ret_file = file;
	return 0;
}
