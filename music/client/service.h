/* Requests to the music service. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct music_service;

/* name: a host name or address. An answer is waited for so many seconds at most. */
struct music_service *music_service_open(const char *name, uint16_t port, long seconds);
void music_service_close(struct music_service *service);

/*
 * METHOD /api/v1/music/PATH; body may be NULL. false: no answer came, and the reason was printed to standard error.
 * ret_document is the parsed answer, owned, NULL where it was not JSON.
 */
bool music_service_request(struct music_service *service, const char *method, const char *path, const json_t *body,
			   long *ret_status, json_t **ret_document);
