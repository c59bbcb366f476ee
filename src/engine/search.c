#include "engine/search.h"

#include <string.h>

void search_results_release(struct search_results *results)
{
	for (size_t i = 0; i < results->count; i++) {
		free(results->items[i].name);
		free(results->items[i].description);
	}
	free(results->items);
	*results = (struct search_results){0};
}

/* As in a reference: the first component is a host where it has a '.' or a ':' or is "localhost". */
static void split(const char *text, char **ret_domain, const char **ret_term)
{
	const char *slash = strchr(text, '/');
	cleanup_free char *first = slash ? duplicate_bytes(text, (size_t)(slash - text)) : NULL;
	bool is_host = first && *first && (strpbrk(first, ".:") || strcmp(first, "localhost") == 0);
	*ret_domain = is_host ? steal_pointer(&first) : duplicate_string(REFERENCE_DEFAULT_DOMAIN);
	*ret_term = is_host ? slash + 1 : text;
	/* Docker's own spellings of its registry. */
	if (strcmp(*ret_domain, "index.docker.io") == 0)
		replace_string(ret_domain, duplicate_string(REFERENCE_DEFAULT_DOMAIN));
	if (strcmp(*ret_domain, REFERENCE_DEFAULT_DOMAIN) == 0 && strncmp(*ret_term, "library/", 8) == 0)
		*ret_term += 8;
}

static int read_results(const json_t *done, const char *domain, struct search_results *results, struct error *err)
{
	json_t *array = NULL;
	if (json_get_array(done, "results", &array, err) < 0)
		return -1;
	size_t count = json_array_size(array);
	results->items = allocate_array(count + 1, sizeof *results->items);
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(array, i);
		const char *name, *description = "";
		struct search_result *result = &results->items[results->count];
		if (json_need_string(item, "name", &name, err) < 0 ||
		    json_get_string(item, "description", &description, err) < 0 ||
		    json_get_integer(item, "stars", &result->stars, err) < 0 ||
		    json_get_boolean(item, "official", &result->is_official, err) < 0)
			return -1;
		bool is_hub = strcmp(domain, REFERENCE_DEFAULT_DOMAIN) == 0;
		result->name = is_hub ? duplicate_string(name) : format_string("%s/%s", domain, name);
		result->description = duplicate_string(description);
		results->count++;
	}
	return 0;
}

int registry_search(const char *text, int64_t limit, bool is_insecure, struct search_results *ret_results,
		    struct error *err)
{
	cleanup_free char *domain = NULL;
	const char *term;
	cleanup_json json_t *done = NULL;
	cleanup_search_results struct search_results results = {0};
	split(text, &domain, &term);
	if (!*term && strcmp(domain, REFERENCE_DEFAULT_DOMAIN) == 0)
		return error_set(err, ERROR_INVALID, "a search at Docker Hub needs a term");
	cleanup_json json_t *request = json_pack("{s:s, s:s, s:s, s:I, s:b}", "operation", "search", "domain", domain,
						 "term", term, "limit", (json_int_t)limit, "insecure", is_insecure);
	if (!request)
		return error_set(err, ERROR_INVALID, "the term is not valid UTF-8");
	if (registry_request_send(request, NULL, &done, err) < 0)
		return -1;
	if (read_results(done, domain, &results, err) < 0)
		return error_wrap(err, "coracle-transfer's answer");
	*ret_results = results;
	results = (struct search_results){0};
	return 0;
}
