#include "engine/registry_request.h"

#include "transfer/client.h"

json_t *registry_request_new(struct engine *engine, const char *operation, const struct reference *reference)
{
	json_t *request = json_pack("{s:s, s:s, s:s, s:s}", "operation", operation, "root", engine->store->root,
				    "domain", reference->domain, "path", reference->path);
	json_set_text(request, "tag", reference->tag);
	if (engine->is_insecure)
		json_object_set_new(request, "insecure", json_true());
	return request;
}

void registry_request_prepare(void)
{
	transfer_prepare();
}

static void on_event(void *context, const json_t *event)
{
	const struct transfer_progress *progress = context;
	const char *id = "", *status = "";
	int64_t current = 0, total = 0;
	struct error ignored = {0};
	if (json_get_string(event, "id", &id, &ignored) == 0 &&
	    json_get_string(event, "status", &status, &ignored) == 0 &&
	    json_get_integer(event, "current", &current, &ignored) == 0 &&
	    json_get_integer(event, "total", &total, &ignored) == 0)
		progress->layer(progress->context, id, status, current, total);
}

int registry_request_send(const json_t *request, const struct transfer_progress *progress, json_t **ret_done,
			  struct error *err)
{
	bool is_told = progress && progress->layer;
	return transfer_request(request, is_told ? on_event : NULL, (void *)progress, ret_done, err);
}

int registry_answer_digest(const json_t *answer, const char *name, struct digest *ret_digest, struct error *err)
{
	const char *text;
	if (json_need_string(answer, name, &text, err) < 0)
		return -1;
	return digest_parse(text, ret_digest, err);
}
