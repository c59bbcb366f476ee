#include "routes.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "exercise.h"
#include "log.h"

#define PREFIX "/api/v1/music/"

/* One request: what a handler gets. */
struct request {
	struct service *service;
	const char *id; /* behind the prefix */
	const char *body;
	size_t size;
};

static struct answer answer_with(unsigned status, json_t *document)
{
	return (struct answer){.status = status, .document = document};
}

static struct answer list(const struct request *request)
{
	return answer_with(200, songs_all(request->service->songs));
}

static struct answer create(const struct request *request)
{
	char music_id[MUSIC_ID_SIZE];
	json_t *document = json_loadb(request->body, request->size, JSON_REJECT_DUPLICATES, NULL);
	const char *artist = json_string_value(json_object_get(document, "Artist"));
	const char *title = json_string_value(json_object_get(document, "SongTitle"));
	struct answer answer;
	if (artist && title) {
		songs_add(request->service->songs, artist, title, music_id);
		answer = answer_with(200, json_pack("{s:s}", "music_id", music_id));
	} else {
		answer = answer_with(400, json_pack("{s:s}", "Message", "Error reading arguments"));
	}
	json_decref(document);
	return answer;
}

static struct answer read_one(const struct request *request)
{
	json_t *document = songs_find(request->service->songs, request->id);
	return answer_with(json_integer_value(json_object_get(document, "Count")) ? 200 : 404, document);
}

static struct answer remove_one(const struct request *request)
{
	if (songs_remove(request->service->songs, request->id))
		return answer_with(200, json_object());
	return answer_with(404, json_pack("{s:i, s:[]}", "Count", 0, "Items"));
}

/* Not inlined, so that the backtrace names it. */
__attribute__((noinline)) static struct answer test(const struct request *request)
{
	if (exercise_test(request->service->unique_code))
		return answer_with(200, json_object());
	log_error("Exception on " PREFIX "test [GET]: Test failed: the code in app-%s.c is not the unique code %s",
		  exercise_name, request->service->unique_code);
	log_backtrace();
	return answer_with(500, json_pack("{s:s}", "Message", "Test failed"));
}

static struct answer healthy(const struct request *request)
{
	(void)request;
	return answer_with(200, NULL);
}

static struct answer shut_down(const struct request *request)
{
	(void)request;
	/* main waits for it, and lets this answer go out first. */
	kill(getpid(), SIGTERM);
	return answer_with(200, json_object());
}

typedef struct answer handler(const struct request *request);

/* path NULL: any other single component, a music id. */
static const struct {
	const char *path, *method;
	handler *handle;
} routes[] = {
	{"", "GET", list},	    {"", "POST", create},	   {"test", "GET", test},
	{"health", "GET", healthy}, {"readiness", "GET", healthy}, {"shutdown", "GET", shut_down},
	{NULL, "GET", read_one},    {NULL, "DELETE", remove_one},
};

static bool method_matches(const char *wanted, const char *method)
{
	/* HEAD is GET without its body, which the server leaves out. */
	return strcmp(wanted, method) == 0 || (strcmp(wanted, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static bool is_named(const char *path)
{
	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
		if (routes[i].path && strcmp(routes[i].path, path) == 0)
			return true;
	return false;
}

static const char *path_below_prefix(const char *url)
{
	if (strncmp(url, PREFIX, strlen(PREFIX)) == 0)
		return url + strlen(PREFIX);
	if (strcmp(url, "/api/v1/music") == 0)
		return "";
	if (strcmp(url, "/health") == 0 || strcmp(url, "/readiness") == 0)
		return url + 1;
	return NULL;
}

void route(struct service *service, const char *method, const char *url, const char *body, size_t size,
	   struct answer *ret_answer)
{
	struct request request = {service, path_below_prefix(url), body, size};
	if (!request.id || strchr(request.id, '/')) {
		*ret_answer = answer_with(404, json_pack("{s:s}", "Message", "Not found"));
		return;
	}
	bool named = is_named(request.id);
	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
		bool path_matches = named ? routes[i].path && strcmp(routes[i].path, request.id) == 0 : !routes[i].path;
		if (path_matches && method_matches(routes[i].method, method)) {
			*ret_answer = routes[i].handle(&request);
			return;
		}
	}
	*ret_answer = answer_with(405, json_pack("{s:s}", "Message", "Method not allowed"));
	ret_answer->allow = !named ? "DELETE, GET, HEAD" : *request.id ? "GET, HEAD" : "GET, HEAD, POST";
}
