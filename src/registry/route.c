#include "registry/route.h"

#include <string.h>

#include "oci/manifest.h"
#include "oci/reference.h"
#include "registry/handlers.h"

#define GET	   (1u << HTTP_GET | 1u << HTTP_HEAD)
#define POST	   (1u << HTTP_POST)
#define PUT	   (1u << HTTP_PUT)
#define PATCH	   (1u << HTTP_PATCH)
#define DELETE	   (1u << HTTP_DELETE)
#define FORM_LIMIT ((size_t)64 * 1024)

/* The first that fits serves: "uploads" is no digest, so it stands before the blobs. */
static const struct route routes[] = {
	{GET, "/", ACCESS_PUBLIC, .finish = page_home},
	{GET, "/healthz", ACCESS_PUBLIC, .finish = page_health},
	{GET, "/metrics", ACCESS_PUBLIC, .finish = page_metrics},
	{GET, "/token", ACCESS_PUBLIC, .finish = token_get},
	{POST, "/token", ACCESS_PUBLIC, .finish = token_post, .body_limit = FORM_LIMIT},
	{GET, "/v2/", ACCESS_LOGIN, .finish = api_version},
	{GET, "/v2", ACCESS_LOGIN, .finish = api_version},
	{GET, "/v2/_catalog", ACCESS_CATALOG, .finish = catalog_list},
	{POST, "/v2/{name}/blobs/uploads/", ACCESS_PUSH, upload_begin, upload_receive, upload_begin_finish},
	{POST, "/v2/{name}/blobs/uploads", ACCESS_PUSH, upload_begin, upload_receive, upload_begin_finish},
	{PATCH, "/v2/{name}/blobs/uploads/{reference}", ACCESS_PUSH, upload_resume, upload_receive,
	 upload_patch_finish},
	{PUT, "/v2/{name}/blobs/uploads/{reference}", ACCESS_PUSH, upload_put_begin, upload_receive, upload_put_finish},
	{GET, "/v2/{name}/blobs/uploads/{reference}", ACCESS_PUSH, .finish = upload_status},
	{DELETE, "/v2/{name}/blobs/uploads/{reference}", ACCESS_PUSH, .finish = upload_cancel},
	{GET, "/v2/{name}/blobs/{reference}", ACCESS_PULL, .finish = blob_get},
	{DELETE, "/v2/{name}/blobs/{reference}", ACCESS_DELETE, .finish = blob_delete},
	{GET, "/v2/{name}/manifests/{reference}", ACCESS_PULL, .finish = manifest_get},
	{PUT, "/v2/{name}/manifests/{reference}", ACCESS_PUSH, .begin = manifest_put_begin, .finish = manifest_put,
	 .body_limit = MANIFEST_SIZE_LIMIT},
	{DELETE, "/v2/{name}/manifests/{reference}", ACCESS_DELETE, .finish = manifest_delete},
	{GET, "/v2/{name}/tags/list", ACCESS_PULL, .finish = tags_list},
	{GET, "/v2/{name}/referrers/{reference}", ACCESS_PULL, .finish = referrers_get},
};

/* The start of the last part of text[0..length), or 0. */
static size_t last_part(const char *text, size_t length)
{
	while (length > 0 && text[length - 1] != '/')
		length--;
	return length;
}

/* Matches the parts behind {name} from the end; *length is what is left of the path for the name. */
static bool match_tail(const char *tail, const char *path, size_t *length, struct string_list *reference)
{
	size_t tail_length = strlen(tail);
	while (tail_length > 0) {
		size_t tail_part = last_part(tail, tail_length), path_part = last_part(path, *length);
		size_t size = *length - path_part;
		if (path_part == 0)
			return false;
		if (strncmp(tail + tail_part, "{reference}", tail_length - tail_part) == 0 &&
		    tail_length - tail_part == strlen("{reference}")) {
			if (size == 0)
				return false;
			string_list_take(reference, duplicate_bytes(path + path_part, size));
		} else if (size != tail_length - tail_part || memcmp(tail + tail_part, path + path_part, size) != 0) {
			return false;
		}
		/* The slash before the part goes with it. */
		tail_length = tail_part ? tail_part - 1 : 0;
		*length = path_part - 1;
	}
	return true;
}

static bool match(const char *pattern, const char *path, char **ret_name, char **ret_reference)
{
	const char *name = strstr(pattern, "{name}");
	*ret_name = *ret_reference = NULL;
	if (!name)
		return strcmp(pattern, path) == 0;
	size_t prefix = (size_t)(name - pattern), length = strlen(path);
	cleanup_string_list struct string_list reference = {0};
	if (strncmp(pattern, path, prefix) != 0 || !match_tail(name + strlen("{name}"), path, &length, &reference) ||
	    length <= prefix)
		return false;
	*ret_name = duplicate_bytes(path + prefix, length - prefix);
	if (reference.count > 0)
		*ret_reference = duplicate_string(reference.items[0]);
	return true;
}

enum route_result route_find(enum http_method method, const char *path, const struct route **ret_route, char **ret_name,
			     char **ret_reference, unsigned *ret_methods)
{
	unsigned methods = 0;
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		cleanup_free char *name = NULL;
		cleanup_free char *reference = NULL;
		if (!match(routes[i].pattern, path, &name, &reference))
			continue;
		methods |= routes[i].methods;
		if (method == HTTP_METHOD_COUNT || !(routes[i].methods & 1u << method))
			continue;
		if (name && !reference_path_is_valid(name))
			return ROUTE_NAME_INVALID;
		*ret_route = &routes[i];
		*ret_name = steal_pointer(&name);
		*ret_reference = steal_pointer(&reference);
		return ROUTE_FOUND;
	}
	*ret_methods = methods;
	return methods ? ROUTE_NO_METHOD : ROUTE_NO_PATH;
}
