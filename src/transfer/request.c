#include "transfer/request.h"

#include <assert.h>
#include <string.h>

#include "oci/manifest.h"
#include "oci/reference.h"

static const char *const operation_names[] = {
	[OPERATION_PULL] = "pull",     [OPERATION_PUSH] = "push",	  [OPERATION_LOGIN] = "login",
	[OPERATION_DIGEST] = "digest", [OPERATION_TAGS] = "tags",	  [OPERATION_SEARCH] = "search",
	[OPERATION_COPY] = "copy",     [OPERATION_MANIFEST] = "manifest", [OPERATION_LIST] = "list",
	[OPERATION_FETCH] = "fetch",   [OPERATION_BLOB] = "blob",
};
static_assert(ARRAY_SIZE(operation_names) == OPERATION_COUNT, "an operation has no name");

void request_release(struct request *request)
{
	free(request->root);
	free(request->domain);
	free(request->path);
	free(request->tag);
	free(request->username);
	if (request->password)
		explicit_bzero(request->password, strlen(request->password));
	free(request->password);
	for (size_t i = 0; i < request->layer_count; i++) {
		free(request->layers[i].source_domain);
		free(request->layers[i].source_path);
	}
	free(request->layers);
	json_decref(request->members);
	free(request->replaced);
	*request = (struct request){0};
}

static int copy_text(const json_t *document, const char *name, char **ret_text, struct error *err)
{
	const char *text = NULL;
	if (json_get_string(document, name, &text, err) < 0)
		return -1;
	*ret_text = text && *text ? duplicate_string(text) : NULL;
	return 0;
}

static int copy_digest(const json_t *document, const char *name, struct digest *ret_digest, struct error *err)
{
	const char *text = NULL;
	if (json_get_string(document, name, &text, err) < 0)
		return -1;
	return text && *text ? digest_parse(text, ret_digest, err) : 0;
}

static int parse_source(struct request_layer *layer, const char *text, struct error *err)
{
	const char *slash = strchr(text, '/');
	if (!slash || slash == text || !reference_path_is_valid(slash + 1))
		return error_set(err, ERROR_INVALID, "a layer's source is not DOMAIN/PATH: \"%.100s\"", text);
	layer->source_domain = duplicate_bytes(text, (size_t)(slash - text));
	layer->source_path = duplicate_string(slash + 1);
	return 0;
}

static int parse_layers(const json_t *document, struct request *request, struct error *err)
{
	json_t *layers = NULL;
	if (json_get_array(document, "layers", &layers, err) < 0)
		return -1;
	size_t count = json_array_size(layers);
	if (count > MANIFEST_LAYER_LIMIT)
		return error_set(err, ERROR_LIMIT, "more than %d layers", MANIFEST_LAYER_LIMIT);
	request->layers = allocate_array(count + 1, sizeof *request->layers);
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(layers, i);
		struct request_layer *layer = &request->layers[request->layer_count++];
		const char *source = NULL;
		if (copy_digest(item, "digest", &layer->digest, err) < 0 ||
		    copy_digest(item, "diff_id", &layer->diff_id, err) < 0 ||
		    json_get_string(item, "source", &source, err) < 0)
			return -1;
		if (source && *source && parse_source(layer, source, err) < 0)
			return -1;
	}
	return 0;
}

static int parse_replaced(const json_t *document, struct request *request, struct error *err)
{
	json_t *replaced = NULL;
	if (json_get_array(document, "replace", &replaced, err) < 0)
		return -1;
	size_t count = json_array_size(replaced);
	if (count > MANIFEST_LAYER_LIMIT)
		return error_set(err, ERROR_LIMIT, "more than %d layers", MANIFEST_LAYER_LIMIT);
	request->replaced = allocate_array(count + 1, sizeof *request->replaced);
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(replaced, i));
		if (digest_parse(text ? text : "", &request->replaced[request->replaced_count++], err) < 0)
			return -1;
	}
	return 0;
}

static int parse_members(const json_t *document, struct request *request, struct error *err)
{
	const char *operation;
	const char *platform = NULL;
	if (json_need_string(document, "operation", &operation, err) < 0)
		return -1;
	request->operation = OPERATION_COUNT;
	for (size_t i = 0; i < OPERATION_COUNT; i++)
		if (strcmp(operation, operation_names[i]) == 0)
			request->operation = (enum operation)i;
	if (request->operation == OPERATION_COUNT)
		return error_set(err, ERROR_UNSUPPORTED, "operation \"%.40s\" is not known", operation);
	if (copy_text(document, "root", &request->root, err) < 0 ||
	    copy_text(document, "domain", &request->domain, err) < 0 ||
	    copy_text(document, "path", &request->path, err) < 0 ||
	    copy_text(document, "tag", &request->tag, err) < 0 ||
	    copy_text(document, "username", &request->username, err) < 0 ||
	    copy_text(document, "password", &request->password, err) < 0 ||
	    json_get_boolean(document, "insecure", &request->is_insecure, err) < 0 ||
	    copy_digest(document, "digest", &request->digest, err) < 0 ||
	    copy_digest(document, "manifest", &request->manifest, err) < 0 ||
	    json_get_string(document, "platform", &platform, err) < 0)
		return -1;
	platform_host(&request->platform);
	if (platform && *platform && platform_parse(platform, &request->platform, err) < 0)
		return -1;
	return parse_layers(document, request, err) < 0 ? -1 : parse_replaced(document, request, err);
}

static int check(const struct request *request, struct error *err)
{
	bool needs_root = request->operation == OPERATION_PULL || request->operation == OPERATION_PUSH ||
			  request->operation == OPERATION_FETCH || request->operation == OPERATION_BLOB;
	if (request->operation == OPERATION_COPY)
		return 0;
	if (needs_root && !request->root)
		return error_set(err, ERROR_INVALID, "\"root\" is missing");
	if (request->operation == OPERATION_FETCH)
		return 0;
	if (!request->domain)
		return error_set(err, ERROR_INVALID, "\"domain\" is missing");
	if (request->operation == OPERATION_LOGIN)
		return request->username ? 0 : error_set(err, ERROR_INVALID, "\"username\" is missing");
	if (request->operation == OPERATION_SEARCH)
		return 0;
	if (!request->path || !reference_path_is_valid(request->path))
		return error_set(err, ERROR_INVALID, "\"path\" is missing or not a repository's name");
	if (request->tag && !reference_tag_is_valid(request->tag))
		return error_set(err, ERROR_INVALID, "\"tag\" is not a tag");
	if (request->operation == OPERATION_TAGS)
		return 0;
	if (!request->tag && (request->operation == OPERATION_PUSH || request->operation == OPERATION_LIST ||
			      !digest_is_set(&request->digest)))
		return error_set(err, ERROR_INVALID, "\"tag\" is missing");
	if (request->operation == OPERATION_PUSH && !digest_is_set(&request->manifest))
		return error_set(err, ERROR_INVALID, "\"manifest\" is missing");
	return 0;
}

int request_parse(const void *bytes, size_t size, struct request *ret_request, struct error *err)
{
	cleanup_json json_t *document = NULL;
	cleanup_request struct request request = {0};
	if (json_parse(bytes, size, &document, err) < 0 || parse_members(document, &request, err) < 0 ||
	    check(&request, err) < 0)
		return error_wrap(err, "read the request");
	request.members = json_incref(document);
	*ret_request = request;
	request = (struct request){0};
	return 0;
}

char *request_familiar_name(const struct request *request)
{
	struct reference reference = {.domain = request->domain, .path = request->path};
	return reference_familiar_name(&reference);
}

char *request_familiar_reference(const struct request *request)
{
	cleanup_free char *name = request_familiar_name(request);
	if (digest_is_set(&request->digest))
		return format_string("%s@%s", name, request->digest.text);
	return format_string("%s:%s", name, request->tag);
}

const char *request_reference(const struct request *request)
{
	return digest_is_set(&request->digest) ? request->digest.text : request->tag;
}

const char *request_remote_path(const struct request *request)
{
	return request->remote_path ? request->remote_path : request->path;
}
