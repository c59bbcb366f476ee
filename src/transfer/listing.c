#include "transfer/listing.h"

#include <string.h>

#include "base/json.h"
#include "transfer/link.h"
#include "transfer/location.h"
#include "transfer/retry.h"

static int ask_once(struct registry *registry, struct http *http, const struct listing *listing, const char *url,
		    struct retry *retry, struct buffer *ret_bytes, char **ret_next, struct error *err)
{
	cleanup_string_list struct string_list headers = {0};
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	string_list_add(&headers, "Accept: application/json");
	struct registry_call call = {.method = "GET", .url = url, .scopes = listing->scopes, .headers = &headers};
	if (registry_open(registry, http, &call, &exchange, err) < 0)
		return -1;
	const struct http_response *response = http_response(exchange);
	if (response->status != 200) {
		retry->after = response->retry_after;
		return registry_failure(registry, exchange, NULL, err);
	}
	cleanup_free char *target = link_next(response->link);
	cleanup_free char *next = NULL;
	if (target && location_join(response->url, target, &next, err) < 0)
		return -1;
	if (next && !location_same_origin(registry->base, next))
		return error_set(err, ERROR_DENIED, "the next page of the list is said to be elsewhere: %.200s", next);
	if (http_read_all(exchange, LISTING_PAGE_SIZE, ret_bytes, err) < 0)
		return -1;
	*ret_next = steal_pointer(&next);
	return 0;
}

static int ask(struct registry *registry, struct http *http, const struct listing *listing, const char *url,
	       struct buffer *ret_bytes, char **ret_next, struct error *err)
{
	struct retry retry = {0};
	struct error why = {0};
	while (ask_once(registry, http, listing, url, &retry, ret_bytes, ret_next, &why) < 0) {
		if (retry_wait(&retry, &why) < 0) {
			if (err)
				*err = why;
			return -1;
		}
		error_clear(&why);
	}
	return 0;
}

/* ret_is_enough: whoever takes the names wants no more. */
static int read_page(const struct listing *listing, const struct buffer *bytes, size_t *count, bool *ret_is_enough,
		     struct error *err)
{
	cleanup_json json_t *document = NULL;
	json_t *names = NULL;
	if (json_parse(buffer_text(bytes), bytes->size, &document, err) < 0)
		return -1;
	if (!json_is_object(document))
		return error_set(err, ERROR_INVALID, "the page is no JSON object");
	if (json_get_array(document, listing->member, &names, err) < 0)
		return -1;
	*ret_is_enough = false;
	for (size_t i = 0; i < json_array_size(names) && !*ret_is_enough; i++) {
		const char *name = json_string_value(json_array_get(names, i));
		if (!name)
			return error_set(err, ERROR_INVALID, "\"%s\" has an item that is no text", listing->member);
		if (++*count > LISTING_NAMES)
			return error_set(err, ERROR_LIMIT, "the list has more than %zu names", LISTING_NAMES);
		*ret_is_enough = !listing->take(listing->context, name);
	}
	return 0;
}

int listing_read(struct registry *registry, struct http *http, const struct listing *listing, struct error *err)
{
	cleanup_free char *url = format_string("%s%s?n=%u", registry->base, listing->path, listing->page);
	size_t count = 0;
	for (int page = 0, empty = 0; url; page++) {
		size_t before = count;
		cleanup_buffer struct buffer bytes = {0};
		char *next = NULL;
		bool is_enough = false;
		if (page == LISTING_PAGES || empty == LISTING_EMPTY_PAGES)
			return error_set(err, ERROR_LIMIT, "the list does not end: given up after %d pages", page);
		if (ask(registry, http, listing, url, &bytes, &next, err) < 0)
			return -1;
		replace_string(&url, next);
		if (read_page(listing, &bytes, &count, &is_enough, err) < 0)
			return error_wrap(err, "read what %s lists", registry->domain);
		if (is_enough)
			return 0;
		empty = count == before ? empty + 1 : 0;
	}
	return 0;
}
