#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define CONNECTION_LIMIT   4096
#define CONNECTION_TIMEOUT 60  /* seconds without a byte */
#define DRAIN_STEPS	   200 /* of 10 ms */

struct server {
	struct MHD_Daemon *daemon;
	struct service *service;
	atomic_uint busy; /* requests between their first line and the end of their answer */
};

/* A request while its body arrives. */
struct exchange {
	struct server *server;
	char *body;
	size_t size;
	bool is_too_large;
};

static void client_address(struct MHD_Connection *connection, char text[INET6_ADDRSTRLEN])
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info ? info->client_addr : NULL;
	memcpy(text, "-", 2);
	if (address && address->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, INET6_ADDRSTRLEN);
	else if (address && address->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text, INET6_ADDRSTRLEN);
	/* An IPv4 client of a socket for both. */
	if (strncmp(text, "::ffff:", 7) == 0)
		memmove(text, text + 7, strlen(text + 7) + 1);
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer *answer, const char *method,
				   const char *url, const char *version)
{
	char address[INET6_ADDRSTRLEN];
	char *text = answer->document ? json_dumps(answer->document, JSON_COMPACT) : NULL;
	size_t length = text ? strlen(text) : 0;
	struct MHD_Response *response = MHD_create_response_from_buffer(
		length, text ? text : (char[]){""}, text ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	json_decref(answer->document);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	if (answer->allow)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
	enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	client_address(connection, address);
	log_access(address, method, url, version, answer->status);
	return result;
}

static void take_body(struct exchange *exchange, const char *bytes, size_t size)
{
	if (exchange->is_too_large || size > BODY_LIMIT - exchange->size) {
		exchange->is_too_large = true;
		return;
	}
	char *grown = realloc(exchange->body, exchange->size + size);
	if (!grown)
		abort();
	memcpy(grown + exchange->size, bytes, size);
	exchange->body = grown;
	exchange->size += size;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *bytes, size_t *size, void **state)
{
	struct server *server = context;
	struct exchange *exchange = *state;
	if (!exchange) {
		exchange = calloc(1, sizeof *exchange);
		if (!exchange)
			return MHD_NO;
		exchange->server = server;
		atomic_fetch_add(&server->busy, 1);
		*state = exchange;
		return MHD_YES;
	}
	if (*size) {
		take_body(exchange, bytes, *size);
		*size = 0;
		return MHD_YES;
	}
	struct answer answer = {.status = 413};
	if (exchange->is_too_large)
		answer.document = json_pack("{s:s}", "Message", "The request is larger than 64 KiB");
	else
		route(server->service, method, url, exchange->body, exchange->size, &answer);
	return send_answer(connection, &answer, method, url, version);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode code)
{
	(void)context;
	(void)connection;
	(void)code;
	struct exchange *exchange = *state;
	if (!exchange)
		return;
	atomic_fetch_sub(&exchange->server->busy, 1);
	free(exchange->body);
	free(exchange);
	*state = NULL;
}

struct server *server_start(struct service *service, uint16_t port)
{
	struct server *server = calloc(1, sizeof *server);
	if (!server)
		abort();
	server->service = service;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned threads = cores > 1 ? (unsigned)cores : 1;
	server->daemon =
		MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TCP_FASTOPEN, port, NULL, NULL, on_request,
				 server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
				 CONNECTION_LIMIT, MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT,
				 MHD_OPTION_THREAD_POOL_SIZE, threads > 1 ? threads : 0, MHD_OPTION_END);
	if (server->daemon)
		return server;
	int number = errno;
	free(server);
	errno = number;
	return NULL;
}

void server_stop(struct server *server)
{
	int listener = MHD_quiesce_daemon(server->daemon);
	if (listener >= 0)
		close(listener);
	struct timespec pause = {0, 10000000};
	for (int i = 0; i < DRAIN_STEPS && atomic_load(&server->busy) > 0; i++)
		nanosleep(&pause, NULL);
	MHD_stop_daemon(server->daemon);
	free(server);
}
