/*
 * Repositories by a part of their name. A registry may have Docker Hub's search, /v1/search, which knows descriptions
 * and stars; or a catalogue, /v2/_catalog, which is read page by page (listing.h) and searched here; or neither.
 */
#include <string.h>
#include <strings.h>

#include "oci/reference.h"
#include "transfer/cancel.h"
#include "transfer/failure.h"
#include "transfer/listing.h"
#include "transfer/location.h"
#include "transfer/operations.h"
#include "transfer/source.h"

#define HUB_SEARCH    "https://index.docker.io"
#define ANSWER_LIMIT  ((size_t)4 * 1024 * 1024)
#define CATALOG_PAGE  100u
#define LIMIT_DEFAULT 25

struct search {
	const char *term;
	int64_t limit;
	json_t *results;
};

static void add(struct search *search, const char *name, const char *description, int64_t stars, bool is_official)
{
	cleanup_free char *clean_name = failure_clean(name);
	cleanup_free char *clean_description = failure_clean(description ? description : "");
	json_t *item =
		json_pack("{s:s, s:I, s:b}", "name", clean_name, "stars", (json_int_t)stars, "official", is_official);
	json_set_text(item, "description", clean_description);
	json_array_append_new(search->results, item);
}

static bool is_full(const struct search *search)
{
	return (int64_t)json_array_size(search->results) >= search->limit;
}

/* {"results":[{"name":…,"description":…,"star_count":N,"is_official":true}]} */
static int read_answer(struct search *search, const struct buffer *bytes, struct error *err)
{
	cleanup_json json_t *document = NULL;
	json_t *results = NULL;
	if (json_parse(buffer_text(bytes), bytes->size, &document, err) < 0)
		return -1;
	if (!json_is_object(document) || json_get_array(document, "results", &results, err) < 0 || !results)
		return error_set(err, ERROR_INVALID, "the answer has no results");
	for (size_t i = 0; i < json_array_size(results) && !is_full(search); i++) {
		const json_t *item = json_array_get(results, i);
		const char *name = NULL, *description = NULL;
		int64_t stars = 0;
		bool is_official = false;
		if (!json_is_object(item) || json_need_string(item, "name", &name, err) < 0 ||
		    json_get_string(item, "description", &description, err) < 0 ||
		    json_get_integer(item, "star_count", &stars, err) < 0 ||
		    json_get_boolean(item, "is_official", &is_official, err) < 0)
			return error_set(err, ERROR_INVALID, "the answer's result %zu is none", i);
		add(search, name, description, stars, is_official);
	}
	return 0;
}

static int ask_search(struct search *search, struct registry *registry, struct http *http, const char *base,
		      struct error *err)
{
	cleanup_free char *path = format_string("%s/v1/search", base);
	cleanup_free char *number = format_string("%lld", (long long)search->limit);
	cleanup_free char *with_term = NULL;
	cleanup_free char *url = NULL;
	cleanup_buffer struct buffer bytes = {0};
	cleanup_string_list struct string_list headers = {0};
	cleanup_string_list struct string_list scopes = {0};
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	string_list_add(&headers, "Accept: application/json");
	if (location_add_query(path, "q", search->term, &with_term, err) < 0 ||
	    location_add_query(with_term, "n", number, &url, err) < 0)
		return -1;
	struct registry_call call = {.method = "GET", .url = url, .scopes = &scopes, .headers = &headers};
	if (registry_expect(registry, http, &call, 200, 0, &exchange, err) < 0 ||
	    http_read_all(exchange, ANSWER_LIMIT, &bytes, err) < 0)
		return -1;
	return read_answer(search, &bytes, err);
}

static bool has_term(const char *name, const char *term)
{
	return !*term || strcasestr(name, term) != NULL;
}

static bool take(void *context, const char *name)
{
	struct search *search = context;
	if (reference_path_is_valid(name) && has_term(name, search->term))
		add(search, name, NULL, 0, false);
	return !is_full(search);
}

static int read_catalog(struct search *search, struct registry *registry, struct http *http, struct error *err)
{
	cleanup_string_list struct string_list scopes = {0};
	const struct listing listing = {.path = "/v2/_catalog",
					.member = "repositories",
					.page = CATALOG_PAGE,
					.scopes = &scopes,
					.take = take,
					.context = search};
	string_list_add(&scopes, "registry:catalog:*");
	return listing_read(registry, http, &listing, err);
}

/* Docker asks /v1/search alone. Whatever is no answer to that (a 404, a page for people) leaves the catalogue. */
static int search_registry(struct search *search, struct registry *registry, struct http *http, struct error *err)
{
	struct error why = {0};
	if (*search->term && ask_search(search, registry, http, registry->base, &why) == 0)
		return 0;
	if (cancel_is_requested() || (why.kind == ERROR_NETWORK && why.system_errno != 0)) {
		if (err)
			*err = why;
		return -1;
	}
	json_array_clear(search->results);
	error_clear(&why);
	if (read_catalog(search, registry, http, &why) == 0)
		return 0;
	if (why.kind == ERROR_NOT_FOUND || why.kind == ERROR_INVALID)
		return error_set(err, ERROR_UNSUPPORTED,
				 "%s cannot be searched: it offers neither /v1/search nor a catalogue of its "
				 "repositories (%.200s)",
				 registry->domain, why.message);
	if (err)
		*err = why;
	return error_wrap(err, "read the catalogue of %s", registry->domain);
}

int search(const struct request *request, struct http *http, json_t **ret_done, struct error *err)
{
	cleanup_json json_t *results = json_array();
	cleanup_registry struct registry *registry = NULL;
	struct search search = {.term = "", .limit = LIMIT_DEFAULT, .results = results};
	if (json_get_string(request->members, "term", &search.term, err) < 0 ||
	    json_get_integer(request->members, "limit", &search.limit, err) < 0 ||
	    source_own(request, http, &registry, err) < 0)
		return -1;
	bool is_hub = strcmp(request->domain, REFERENCE_DEFAULT_DOMAIN) == 0;
	if (is_hub ? ask_search(&search, registry, http, HUB_SEARCH, err) < 0
		   : search_registry(&search, registry, http, err) < 0)
		return -1;
	*ret_done = json_pack("{s:O}", "results", results);
	return 0;
}
