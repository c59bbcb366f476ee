/* Lists that come in pages: tags of a repository, and the catalog, which holds what its reader may pull. */
#include <string.h>

#include "oci/reference.h"
#include "registry/auth.h"
#include "registry/handlers.h"
#include "registry/number.h"
#include "registry/response.h"

#define PAGE_LIMIT	  1000
#define CATALOG_SCAN_STEP 256
#define QUERY_LIMIT	  256

/* n and last; false with an answer given. More than a page is a page, but what no client means is refused. */
static bool read_page(struct request *request, size_t *ret_limit, const char **ret_after)
{
	const char *n = request_query(request, "n"), *last = request_query(request, "last");
	uint64_t number = PAGE_LIMIT;
	if (n && (!number_parse(n, &number) || number > INT32_MAX)) {
		response_error(request, OCI_PAGINATION_NUMBER_INVALID, 0, NULL);
		return false;
	}
	if (last && strnlen(last, QUERY_LIMIT) == QUERY_LIMIT) {
		response_error(request, OCI_NAME_INVALID, 0, "the parameter last is too long");
		return false;
	}
	*ret_limit = number < PAGE_LIMIT ? (size_t)number : PAGE_LIMIT;
	*ret_after = last ? last : "";
	return true;
}

/* Takes `document`, adds the first `limit` names to it; one name more than that means that there is a next page. */
static void answer(struct request *request, json_t *document, const char *member, struct string_list *names,
		   size_t limit)
{
	bool has_more = names->count > limit && limit > 0;
	json_t *array = json_array();
	for (size_t i = 0; i < names->count && i < limit; i++)
		json_array_append_new(array, json_string(names->items[i]));
	json_object_set_new(document, member, array);
	response_json(request, 200, document);
	json_decref(document);
	if (has_more)
		response_header_format(request, "Link", "<%s?n=%zu&last=%s>; rel=\"next\"", request->path, limit,
				       names->items[limit - 1]);
}

int tags_list(struct request *request, struct error *err)
{
	struct metadata *metadata = request->registry->metadata;
	cleanup_string_list struct string_list names = {0};
	size_t limit;
	const char *after;
	if (!read_page(request, &limit, &after))
		return 0;
	if (metadata->operations->tag_list(metadata, request->name, after, limit + 1, &names, err) < 0) {
		if (err->kind != ERROR_NOT_FOUND)
			return -1;
		response_error(request, OCI_NAME_UNKNOWN, 0, NULL);
		return 0;
	}
	json_t *document = json_object();
	json_set_text(document, "name", request->name);
	answer(request, document, "tags", &names, limit);
	return 0;
}

int catalog_list(struct request *request, struct error *err)
{
	struct metadata *metadata = request->registry->metadata;
	cleanup_string_list struct string_list names = {0};
	size_t limit;
	const char *last;
	if (!read_page(request, &limit, &last))
		return 0;
	cleanup_free char *after = duplicate_string(last);
	for (bool is_end = false; !is_end && names.count <= limit;) {
		cleanup_string_list struct string_list some = {0};
		if (metadata->operations->repository_list(metadata, after, CATALOG_SCAN_STEP, &some, err) < 0)
			return -1;
		for (size_t i = 0; i < some.count && names.count <= limit; i++) {
			unsigned permissions;
			if (auth_permissions(request->registry, request->identity, some.items[i], &permissions, err) <
			    0)
				return -1;
			if (permissions & PERMISSION_PULL)
				string_list_add(&names, some.items[i]);
		}
		is_end = some.count < CATALOG_SCAN_STEP;
		if (some.count > 0)
			replace_string(&after, duplicate_string(some.items[some.count - 1]));
	}
	answer(request, json_object(), "repositories", &names, limit);
	return 0;
}
