#include "routes.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "assets.h"
#include "exercise.h"
#include "log.h"
#include "metrics.h"

#define PREFIX "/api/v1/music/"

/* One request: what a handler gets. */
struct call {
	struct service *service;
	const struct request *request;
	const char *id; /* behind the prefix */
	struct pending_change *change;
};

static struct answer answer_with(unsigned status, struct text *body)
{
	return (struct answer){.status = status, .body = body};
}

static struct answer answer_message(unsigned status, const char *message)
{
	struct builder builder = {0};
	builder_add_string(&builder, "{\"Message\":");
	builder_add_json(&builder, message);
	builder_add_string(&builder, "}");
	return answer_with(status, text_of_builder(&builder));
}

static struct answer answer_found(enum songs_outcome outcome, struct text *body)
{
	switch (outcome) {
	case SONGS_DONE:
		return answer_with(200, body);
	case SONGS_NOT_FOUND:
		return answer_with(404, text_from("{\"Count\":0,\"Items\":[]}"));
	case SONGS_FULL:
		return answer_message(507, "The list is full");
	default:
		return answer_message(503, "The data cannot be reached");
	}
}

static struct answer list(const struct call *call)
{
	const struct request *request = call->request;
	struct songs_page page = {.after = request->after};
	if (request->limit) {
		char *end;
		page.limit = strtoul(request->limit, &end, 10);
		if (*request->limit < '0' || *request->limit > '9' || *end || page.limit < 1 || page.limit > PAGE_LIMIT)
			return answer_message(400, "limit is a number from 1 to 1000");
	}
	if ((request->query && !utf8_is_valid(request->query)) || (request->after && !utf8_is_valid(request->after)))
		return answer_message(400, "the query is not UTF-8");
	char *search = request->query && *request->query ? strdup(request->query) : NULL;
	if (search)
		utf8_fold(search);
	page.search = search;
	struct text *body = NULL;
	enum songs_outcome outcome = songs_list(call->service->songs, &page, &body);
	free(search);
	return answer_found(outcome, body);
}

static struct answer read_one(const struct call *call)
{
	struct text *body = NULL;
	enum songs_outcome outcome = songs_find(call->service->songs, call->id, &body);
	return answer_found(outcome, body);
}

static bool is_json_type(const char *type)
{
	/* curl -d says form-urlencoded whatever it sends; the body is then checked as ever. */
	static const char *const types[] = {"application/json", "application/x-www-form-urlencoded"};
	size_t size = type ? strcspn(type, "; \t") : 0;
	if (!size)
		return true;
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strlen(types[i]) == size && strncasecmp(type, types[i], size) == 0)
			return true;
	return size > 5 && strncasecmp(type + size - 5, "+json", 5) == 0;
}

/* Artist and SongTitle of the body into the change. */
static struct answer read_song(const struct call *call, enum songs_change_kind kind)
{
	const struct request *request = call->request;
	struct pending_change *pending = call->change;
	if (!request->has_length)
		return answer_message(411, "The request needs a Content-Length");
	if (request->is_too_large)
		return answer_message(413, "The request is larger than 64 KiB");
	if (!is_json_type(request->content_type))
		return answer_message(415, "The Content-Type is not application/json");
	json_t *document = json_loadb(request->body ? request->body : "", request->size, JSON_REJECT_DUPLICATES, NULL);
	const char *artist = json_string_value(json_object_get(document, "Artist"));
	const char *title = json_string_value(json_object_get(document, "SongTitle"));
	struct answer answer = {.is_change = true};
	if (!artist || !title) {
		answer = answer_message(400, "Error reading arguments");
	} else if (strlen(artist) > NAME_LIMIT || strlen(title) > NAME_LIMIT) {
		answer = answer_message(400, "Artist and SongTitle have at most 4096 bytes");
	} else {
		pending->artist = strdup(artist);
		pending->title = strdup(title);
		if (!pending->artist || !pending->title)
			abort();
		pending->change.kind = kind;
		pending->change.song = (struct song){pending->artist, pending->title, pending->music_id};
	}
	json_decref(document);
	return answer;
}

static struct answer create(const struct call *call)
{
	music_id_make(call->change->music_id);
	return read_song(call, SONGS_ADD);
}

static bool take_id(const struct call *call)
{
	size_t size = strlen(call->id) + 1;
	if (size > sizeof call->change->music_id || !utf8_is_valid(call->id))
		return false;
	memcpy(call->change->music_id, call->id, size);
	return true;
}

static struct answer replace(const struct call *call)
{
	return take_id(call) ? read_song(call, SONGS_REPLACE) : answer_found(SONGS_NOT_FOUND, NULL);
}

static struct answer remove_one(const struct call *call)
{
	if (!take_id(call))
		return answer_found(SONGS_NOT_FOUND, NULL);
	call->change->change.kind = SONGS_REMOVE;
	call->change->change.song = (struct song){"", "", call->change->music_id};
	return (struct answer){.is_change = true};
}

void change_answer(const struct pending_change *pending, struct answer *ret_answer)
{
	struct builder builder = {0};
	if (pending->change.outcome != SONGS_DONE) {
		*ret_answer = answer_found(pending->change.outcome, NULL);
	} else if (pending->change.kind == SONGS_REMOVE) {
		*ret_answer = answer_with(200, text_from("{}"));
	} else {
		builder_add_string(&builder, "{\"music_id\":");
		builder_add_json(&builder, pending->music_id);
		builder_add_string(&builder, "}");
		*ret_answer = answer_with(200, text_of_builder(&builder));
	}
}

void change_release(struct pending_change *change)
{
	free(change->artist);
	free(change->title);
}

/* Not inlined, so that the backtrace names it. */
__attribute__((noinline)) static struct answer test(const struct call *call)
{
	if (exercise_test(call->service->unique_code))
		return answer_with(200, text_from("{}"));
	log_error("Exception on " PREFIX "test [GET]: Test failed: the code in app-%s.c is not the unique code %s "
		  "(request %s)",
		  exercise_name, call->service->unique_code, call->request->id);
	log_backtrace();
	return answer_message(500, "Test failed");
}

static struct answer healthy(const struct call *call)
{
	(void)call;
	return answer_with(200, NULL);
}

static struct answer ready(const struct call *call)
{
	if (__atomic_load_n(&call->service->is_ending, __ATOMIC_RELAXED))
		return answer_message(503, "The service is ending");
	return songs_are_ready(call->service->songs) ? answer_with(200, NULL) : answer_found(SONGS_FAILED, NULL);
}

static struct answer shut_down(const struct call *call)
{
	(void)call;
	/* main waits for it, and lets this answer go out first. */
	kill(getpid(), SIGTERM);
	return answer_with(200, text_from("{}"));
}

static struct answer page(const struct call *call)
{
	(void)call;
	struct text *body = text_new(page_html, page_html_size);
	return (struct answer){.status = 200, .body = body, .type = "text/html; charset=utf-8"};
}

static struct answer openapi(const struct call *call)
{
	(void)call;
	return answer_with(200, text_new(openapi_json, openapi_json_size));
}

static struct answer metrics(const struct call *call)
{
	return (struct answer){.status = 200,
			       .body = metrics_text(call->service->songs),
			       .type = "text/plain; version=0.0.4; charset=utf-8"};
}

typedef struct answer handler(const struct call *call);
struct route {
	const char *path, *method;
	handler *handle;
};

/* Below PREFIX. path NULL: any other single component, a music id. */
static const struct route api[] = {
	{"", "GET", list},
	{"", "POST", create},
	{"test", "GET", test},
	{"health", "GET", healthy},
	{"readiness", "GET", ready},
	{"shutdown", "GET", shut_down},
	{NULL, "GET", read_one},
	{NULL, "PUT", replace},
	{NULL, "DELETE", remove_one},
	{0},
};
/* At the top. */
static const struct route top[] = {
	{"", "GET", page},	    {"openapi.json", "GET", openapi}, {"metrics", "GET", metrics},
	{"health", "GET", healthy}, {"readiness", "GET", ready},      {0},
};

static bool path_matches(const struct route *routes, const struct route *route, const char *path)
{
	if (route->path)
		return strcmp(route->path, path) == 0;
	for (; routes->handle; routes++)
		if (routes->path && strcmp(routes->path, path) == 0)
			return false;
	return true;
}

static bool method_matches(const char *wanted, const char *method)
{
	/* HEAD is GET without its body, which the server leaves out. */
	return strcmp(wanted, method) == 0 || (strcmp(wanted, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static bool writes(const struct request *request)
{
	return strcmp(request->method, "GET") != 0 || strcmp(request->url, PREFIX "shutdown") == 0;
}

static struct answer dispatch(const struct route *routes, const struct call *call)
{
	bool is_known = false, can_get = false, can_put = false, can_post = false;
	for (const struct route *route = routes; route->handle; route++) {
		if (!path_matches(routes, route, call->id))
			continue;
		if (method_matches(route->method, call->request->method))
			return route->handle(call);
		is_known = true;
		can_get = can_get || strcmp(route->method, "GET") == 0;
		can_put = can_put || strcmp(route->method, "PUT") == 0;
		can_post = can_post || strcmp(route->method, "POST") == 0;
	}
	if (!is_known)
		return answer_message(404, "Not found");
	struct answer answer = answer_message(405, "Method not allowed");
	answer.allow = can_put ? "DELETE, GET, HEAD, PUT" : can_post ? "GET, HEAD, POST" : can_get ? "GET, HEAD" : "";
	return answer;
}

void route(struct service *service, const struct request *request, struct pending_change *change,
	   struct answer *ret_answer)
{
	struct call call = {service, request, NULL, change};
	const struct route *routes = api;
	if (strncmp(request->url, PREFIX, strlen(PREFIX)) == 0) {
		call.id = request->url + strlen(PREFIX);
	} else if (strcmp(request->url, "/api/v1/music") == 0) {
		call.id = "";
	} else if (*request->url == '/') {
		routes = top;
		call.id = request->url + 1;
	}
	if (!call.id || strchr(call.id, '/'))
		*ret_answer = answer_message(404, "Not found");
	else if (request->fetch_site && strcasecmp(request->fetch_site, "cross-site") == 0 && writes(request))
		*ret_answer = answer_message(403, "Another site's page may not do this");
	else
		*ret_answer = dispatch(routes, &call);
}
