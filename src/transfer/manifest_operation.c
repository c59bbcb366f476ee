/* "manifest" and "list": one document of a registry, and an index that goes there with all that it names. */
#include <string.h>

#include "oci/image_config.h"
#include "oci/media_type.h"
#include "oci/reference.h"
#include "transfer/copy.h"
#include "transfer/download.h"
#include "transfer/manifest_put.h"
#include "transfer/operations.h"
#include "transfer/resolve.h"
#include "transfer/source.h"

struct fetch {
	struct http *http;
	bool with_platform;
	json_t *done;
};

/* {"os":…,"architecture":…,"variant":…}, as its configuration says; NULL for what is no image. */
static int read_platform(struct registry *registry, struct http *http, const struct request *asked,
			 const struct manifest *manifest, json_t **ret_platform, struct error *err)
{
	cleanup_buffer struct buffer bytes = {0};
	cleanup_image_config struct image_config config = {0};
	const char *type = manifest->config.media_type;
	*ret_platform = NULL;
	if (!type || (strcmp(type, MEDIA_TYPE_OCI_CONFIG) != 0 && strcmp(type, MEDIA_TYPE_DOCKER_CONFIG) != 0))
		return 0;
	if (download_document(registry, http, request_remote_path(asked), &manifest->config, IMAGE_CONFIG_SIZE_LIMIT,
			      &bytes, err) < 0 ||
	    image_config_parse(buffer_text(&bytes), bytes.size, &config, err) < 0)
		return error_wrap(err, "read the image's configuration");
	json_t *platform =
		json_pack("{s:s, s:s}", "architecture", config.platform.architecture, "os", config.platform.os);
	json_set_text(platform, "variant", config.platform.variant);
	*ret_platform = platform;
	return 0;
}

static int fetch(void *context, struct registry *registry, const struct request *asked, struct error *err)
{
	struct fetch *fetch = context;
	CLEANUP(copy_document_release) struct copy_document document = {0};
	cleanup_json json_t *parsed = NULL;
	json_t *platform = NULL;
	enum document_kind kind;
	if (resolve_fetch(registry, fetch->http, asked, request_reference(asked), &asked->digest, &document.digest,
			  &document.bytes, &document.media_type, err) < 0)
		return -1;
	if (json_parse(buffer_text(&document.bytes), document.bytes.size, &parsed, err) < 0 ||
	    document_classify(parsed, document.media_type, &kind, err) < 0)
		return error_wrap(err, "read the manifest");
	if (kind == DOCUMENT_MANIFEST && fetch->with_platform) {
		cleanup_manifest struct manifest manifest = {0};
		if (manifest_parse(buffer_text(&document.bytes), document.bytes.size, document.media_type, &manifest,
				   err) < 0 ||
		    read_platform(registry, fetch->http, asked, &manifest, &platform, err) < 0)
			return -1;
	}
	const char *own = NULL;
	json_get_string(parsed, "mediaType", &own, NULL);
	const char *type = own			    ? own
			   : document.media_type    ? document.media_type
			   : kind == DOCUMENT_INDEX ? MEDIA_TYPE_OCI_INDEX
						    : MEDIA_TYPE_OCI_MANIFEST;
	fetch->done = json_pack("{s:s, s:s, s:I, s:b, s:s}", "media_type", type, "digest", document.digest.text, "size",
				(json_int_t)document.bytes.size, "is_index", kind == DOCUMENT_INDEX, "document",
				buffer_text(&document.bytes));
	if (platform)
		json_object_set_new(fetch->done, "platform", platform);
	return 0;
}

int remote_manifest(const struct request *request, struct http *http, json_t **ret_done, struct error *err)
{
	struct fetch job = {.http = http};
	if (json_get_boolean(request->members, "with_platform", &job.with_platform, err) < 0 ||
	    source_try_each(request, http, fetch, &job, err) < 0)
		return -1;
	*ret_done = job.done;
	return 0;
}

struct list {
	const struct request *request;
	struct http *http;
	struct registry *registry;
};

/* One image of the list from its repository; `origin` may be the list's own registry, which mounts. */
static int copy_entry(struct list *list, const struct request *asked, struct registry *origin, struct error *err)
{
	struct copy_address from = {.kind = COPY_REGISTRY};
	struct copy_address to = {.kind = COPY_REGISTRY,
				  .registry = {.domain = list->request->domain, .path = list->request->path}};
	struct copy_source source = {.address = &from, .registry = origin, .asked = asked};
	struct copy_options options = {.all = true};
	cleanup_copy_target struct copy_target target = {0};
	if (copy_target_open(&to, list->registry, &target, err) < 0)
		return -1;
	return copy_image(&source, &target, &options, list->http, NULL, err);
}

static int copy_from(void *context, struct registry *registry, const struct request *asked, struct error *err)
{
	struct list *list = context;
	bool is_same = strcmp(registry->domain, list->registry->domain) == 0;
	return copy_entry(list, asked, is_same ? list->registry : registry, err);
}

static int push_entry(struct list *list, const json_t *item, struct error *err)
{
	const char *source, *digest;
	struct request from = {.operation = OPERATION_COPY};
	if (json_need_string(item, "source", &source, err) < 0 || json_need_string(item, "digest", &digest, err) < 0 ||
	    digest_parse(digest, &from.digest, err) < 0)
		return -1;
	const char *slash = strchr(source, '/');
	if (!slash || !reference_path_is_valid(slash + 1))
		return error_set(err, ERROR_INVALID, "a source is not DOMAIN/PATH: \"%.100s\"", source);
	cleanup_free char *domain = duplicate_bytes(source, (size_t)(slash - source));
	cleanup_free char *path = duplicate_string(slash + 1);
	bool is_same = strcmp(domain, list->request->domain) == 0;
	from.domain = domain;
	from.path = path;
	/* Where it is already the list may name it. */
	if (is_same && strcmp(path, list->request->path) == 0)
		return 0;
	if (is_same)
		return copy_entry(list, &from, list->registry, err);
	return source_try_each(&from, list->http, copy_from, list, err);
}

int push_list(const struct request *request, struct http *http, json_t **ret_done, struct error *err)
{
	cleanup_registry struct registry *registry = NULL;
	cleanup_buffer struct buffer bytes = BUFFER_INIT(MANIFEST_SIZE_LIMIT);
	struct list list = {.request = request, .http = http};
	const char *document, *media_type;
	json_t *manifests = NULL;
	struct digest digest;
	if (json_need_string(request->members, "document", &document, err) < 0 ||
	    json_need_string(request->members, "media_type", &media_type, err) < 0 ||
	    json_get_array(request->members, "manifests", &manifests, err) < 0 ||
	    buffer_append_string(&bytes, document, err) < 0)
		return error_wrap(err, "read the request");
	if (source_own(request, http, &registry, err) < 0)
		return -1;
	list.registry = registry;
	for (size_t i = 0; i < json_array_size(manifests); i++)
		if (push_entry(&list, json_array_get(manifests, i), err) < 0)
			return -1;
	digest_of_bytes(buffer_text(&bytes), bytes.size, &digest);
	const struct manifest_put put = {.registry = registry,
					 .path = request->path,
					 .reference = request->tag,
					 .media_type = media_type,
					 .digest = &digest,
					 .bytes = &bytes};
	if (manifest_put(&put, http, err) < 0)
		return -1;
	*ret_done = json_pack("{s:s, s:I}", "manifest", digest.text, "size", (json_int_t)bytes.size);
	return 0;
}
