/* "copy": from the request to the two ends of a copy. */
#include <string.h>

#include "transfer/copy.h"
#include "transfer/operations.h"
#include "transfer/source.h"

struct copy_operation {
	struct http *http;
	struct copy_address from;
	struct copy_address to;
	struct copy_options options;
	struct copy_document root; /* what was copied */
};

static void copy_operation_release(struct copy_operation *operation)
{
	copy_address_release(&operation->from);
	copy_address_release(&operation->to);
	copy_document_release(&operation->root);
}

/* `same` is the source's registry: one registry for both ends can mount. */
static int copy_from(struct copy_operation *operation, struct copy_source *source, const char *familiar,
		     struct error *err)
{
	const struct copy_address *to = &operation->to;
	cleanup_registry struct registry *own = NULL;
	cleanup_copy_target struct copy_target target = {0};
	struct registry *registry = NULL;
	if (to->kind == COPY_REGISTRY) {
		registry = source->registry;
		if (!registry || strcmp(registry->domain, to->registry.domain) != 0) {
			if (source_own(&to->registry, operation->http, &own, err) < 0)
				return -1;
			registry = own;
		}
	}
	if (copy_target_open(to, registry, &target, err) < 0)
		return -1;
	target.familiar = familiar;
	return copy_image(source, &target, &operation->options, operation->http, &operation->root, err);
}

static int use(void *context, struct registry *registry, const struct request *asked, struct error *err)
{
	struct copy_operation *operation = context;
	cleanup_free char *familiar = request_familiar_reference(asked);
	struct copy_source source = {.address = &operation->from, .registry = registry, .asked = asked};
	return copy_from(operation, &source, digest_is_set(&asked->digest) ? NULL : familiar, err);
}

int copy(const struct request *request, struct http *http, json_t **ret_done, struct error *err)
{
	CLEANUP(copy_operation_release)
	struct copy_operation operation = {.http = http, .options.platform = request->platform};
	json_t *from = NULL, *to = NULL;
	if (json_get_object(request->members, "from", &from, err) < 0 ||
	    json_get_object(request->members, "to", &to, err) < 0 ||
	    json_get_boolean(request->members, "all", &operation.options.all, err) < 0 ||
	    copy_address_parse(from, &operation.from, err) < 0 || copy_address_parse(to, &operation.to, err) < 0)
		return error_wrap(err, "read the request");
	if (operation.from.kind == COPY_REGISTRY) {
		operation.from.registry.platform = request->platform;
		if (source_try_each(&operation.from.registry, http, use, &operation, err) < 0)
			return -1;
	} else {
		cleanup_copy_source struct copy_source source = {0};
		if (copy_source_open(&operation.from, &source, err) < 0 ||
		    copy_from(&operation, &source, NULL, err) < 0)
			return -1;
	}
	*ret_done = json_pack("{s:s, s:s, s:I}", "manifest", operation.root.digest.text, "media_type",
			      operation.root.media_type, "size", (json_int_t)operation.root.bytes.size);
	return 0;
}
