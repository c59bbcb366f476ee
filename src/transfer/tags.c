/* The names of a repository's tags. */
#include "oci/reference.h"
#include "transfer/listing.h"
#include "transfer/operations.h"
#include "transfer/source.h"

#define PAGE 1000u

struct tags {
	struct http *http;
	json_t *names;
};

static bool take(void *context, const char *name)
{
	struct tags *tags = context;
	if (reference_tag_is_valid(name))
		json_array_append_new(tags->names, json_string(name));
	return true;
}

static int list(void *context, struct registry *registry, const struct request *asked, struct error *err)
{
	struct tags *tags = context;
	cleanup_string_list struct string_list scopes = {0};
	cleanup_free char *path = format_string("/v2/%s/tags/list", request_remote_path(asked));
	const struct listing listing = {
		.path = path, .member = "tags", .page = PAGE, .scopes = &scopes, .take = take, .context = tags};
	registry_add_scope(&scopes, request_remote_path(asked), "pull");
	json_array_clear(tags->names);
	if (listing_read(registry, tags->http, &listing, err) == 0)
		return 0;
	cleanup_free char *name = request_familiar_name(asked);
	if (err && (err->kind == ERROR_UNAUTHORIZED || err->kind == ERROR_DENIED))
		return error_wrap(err,
				  "pull access denied for %s, repository does not exist or may require 'docker login'",
				  name);
	return err && err->kind == ERROR_NOT_FOUND ? error_wrap(err, "repository %s not found", name)
						   : error_wrap(err, "list the tags of %s", name);
}

int remote_tags(const struct request *request, struct http *http, json_t **ret_done, struct error *err)
{
	cleanup_json json_t *names = json_array();
	struct tags tags = {.http = http, .names = names};
	if (source_try_each(request, http, list, &tags, err) < 0)
		return -1;
	*ret_done = json_pack("{s:O}", "tags", names);
	return 0;
}
