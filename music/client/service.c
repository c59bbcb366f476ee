#include "service.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_LIMIT	((size_t)64 * 1024 * 1024)
#define CONNECT_SECONDS 5L

struct music_service {
	CURL *curl;
	long seconds;
	char *base; /* "http://NAME:PORT/api/v1/music/" */
};

struct answer {
	char *bytes;
	size_t size;
};

struct music_service *music_service_open(const char *name, uint16_t port, long seconds)
{
	struct music_service *service = calloc(1, sizeof *service);
	if (!service)
		abort();
	service->seconds = seconds;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	service->curl = curl_easy_init();
	bool is_ipv6 = strchr(name, ':') && name[0] != '[';
	if (!service->curl || asprintf(&service->base, "http://%s%s%s:%u/api/v1/music/", is_ipv6 ? "[" : "", name,
				       is_ipv6 ? "]" : "", port) < 0)
		abort();
	return service;
}

void music_service_close(struct music_service *service)
{
	curl_easy_cleanup(service->curl);
	free(service->base);
	free(service);
	curl_global_cleanup();
}

static size_t take(char *bytes, size_t size, size_t count, void *context)
{
	struct answer *answer = context;
	size *= count;
	if (size > ANSWER_LIMIT - answer->size)
		return 0;
	char *grown = realloc(answer->bytes, answer->size + size + 1);
	if (!grown)
		abort();
	memcpy(grown + answer->size, bytes, size);
	answer->bytes = grown;
	answer->size += size;
	return size;
}

static void set_request(struct music_service *service, const char *method, const char *url, const char *body,
			struct curl_slist *headers, struct answer *answer, char *problem)
{
	CURL *curl = service->curl;
	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
			 service->seconds < CONNECT_SECONDS ? service->seconds : CONNECT_SECONDS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, service->seconds);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "mcli/" CORACLE_VERSION);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	if (body) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
	}
}

bool music_service_request(struct music_service *service, const char *method, const char *path, const json_t *body,
			   long *ret_status, json_t **ret_document)
{
	char problem[CURL_ERROR_SIZE] = "";
	struct answer answer = {0};
	char *escaped = curl_easy_escape(service->curl, path, 0);
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	char *url = NULL;
	if (!escaped || asprintf(&url, "%s%s", service->base, escaped) < 0)
		abort();
	struct curl_slist *headers = body ? curl_slist_append(NULL, "Content-Type: application/json") : NULL;
	set_request(service, method, url, text, headers, &answer, problem);
	CURLcode code = curl_easy_perform(service->curl);
	if (code == CURLE_OK) {
		curl_easy_getinfo(service->curl, CURLINFO_RESPONSE_CODE, ret_status);
		*ret_document = answer.size ? json_loadb(answer.bytes, answer.size, 0, NULL) : NULL;
	} else {
		fprintf(stderr, "No answer from %s: %s. Is the service running, and its port published?\n",
			service->base, *problem ? problem : curl_easy_strerror(code));
	}
	curl_slist_free_all(headers);
	curl_free(escaped);
	free(answer.bytes);
	free(text);
	free(url);
	return code == CURLE_OK;
}
