#include "server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "connections.h"
#include "log.h"
#include "metrics.h"

#define CONNECTION_LIMIT 4096
#define ADDRESS_LIMIT	 2048		    /* connections of one client address */
#define HEADER_LIMIT	 ((size_t)16384)    /* bytes of memory for a connection's headers */
#define BODIES_LIMIT	 ((size_t)16 << 20) /* bytes of all requests' bodies together */
#define CLIENT_SECONDS	 30
#define DRAIN_SECONDS	 10

struct server {
	struct MHD_Daemon *daemon;
	struct service *service;
	struct connections *connections;
	atomic_uint busy;     /* requests between their first line and the end of their answer */
	atomic_size_t bodies; /* bytes held */
};

/* A request while its body arrives, and while its change waits. */
struct exchange {
	struct server *server;
	struct MHD_Connection *connection;
	int64_t start;
	unsigned status;
	char *body;
	size_t size;
	bool is_too_large, is_changing;
	char id[REQUEST_ID_SIZE];
	char method[16];
	struct pending_change change;
};

static int64_t now_nanoseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static const char *argument(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

static void drop_text(void *text)
{
	text_drop(text);
}

static void add_headers(struct MHD_Response *response, const struct exchange *exchange, const struct answer *answer)
{
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
				answer->type ? answer->type : "application/json");
	MHD_add_response_header(response, "X-Request-ID", exchange->id);
	if (answer->allow)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
	if (answer->type && strncmp(answer->type, "text/html", 9) == 0) {
		MHD_add_response_header(
			response, "Content-Security-Policy",
			"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
			"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
		MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
		MHD_add_response_header(response, "Cache-Control", "no-cache");
	}
	if (exchange->server->service->is_ending)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

static enum MHD_Result send_answer(struct exchange *exchange, struct MHD_Connection *connection, struct answer *answer,
				   const char *url, const char *version)
{
	static char nothing[1];
	struct text *body = answer->body;
	struct MHD_Response *response =
		body ? MHD_create_response_from_buffer_with_free_callback_cls(body->size, body->bytes, drop_text, body)
		     : MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
	if (!response) {
		text_drop(body);
		return MHD_NO;
	}
	add_headers(response, exchange, answer);
	struct connection_link *link = connection_link_of(connection);
	log_access(link->address, exchange->method, url, version, answer->status);
	connections_touch(link);
	exchange->status = answer->status;
	enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return result;
}

static void take_body(struct exchange *exchange, const char *bytes, size_t size)
{
	if (exchange->is_too_large || size > BODY_LIMIT - exchange->size ||
	    atomic_load(&exchange->server->bodies) > BODIES_LIMIT) {
		exchange->is_too_large = true;
		return;
	}
	char *grown = realloc(exchange->body, exchange->size + size);
	if (!grown)
		abort();
	memcpy(grown + exchange->size, bytes, size);
	exchange->body = grown;
	exchange->size += size;
	atomic_fetch_add(&exchange->server->bodies, size);
}

static struct exchange *exchange_new(struct server *server, struct MHD_Connection *connection, const char *method)
{
	struct exchange *exchange = calloc(1, sizeof *exchange);
	if (!exchange)
		abort();
	exchange->server = server;
	exchange->connection = connection;
	exchange->start = now_nanoseconds();
	strncpy(exchange->method, method, sizeof exchange->method - 1);
	request_id_make(header(connection, "X-Request-ID"), exchange->id);
	connections_touch(connection_link_of(connection));
	atomic_fetch_add(&server->busy, 1);
	return exchange;
}

static void on_changed(struct songs_change *change)
{
	struct exchange *exchange = change->context;
	MHD_resume_connection(exchange->connection);
}

static struct request make_request(struct exchange *exchange, struct MHD_Connection *connection, const char *url)
{
	return (struct request){
		.method = exchange->method,
		.url = url,
		.limit = argument(connection, "limit"),
		.after = argument(connection, "after"),
		.query = argument(connection, "q"),
		.content_type = header(connection, MHD_HTTP_HEADER_CONTENT_TYPE),
		.fetch_site = header(connection, "Sec-Fetch-Site"),
		.id = exchange->id,
		.has_length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH) ||
			      header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING),
		.is_too_large = exchange->is_too_large,
		.body = exchange->body,
		.size = exchange->size,
	};
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *bytes, size_t *size, void **state)
{
	struct server *server = context;
	struct exchange *exchange = *state;
	struct answer answer = {0};
	if (!exchange) {
		*state = exchange_new(server, connection, method);
		return MHD_YES;
	}
	if (*size) {
		take_body(exchange, bytes, *size);
		*size = 0;
		return MHD_YES;
	}
	if (!exchange->is_changing) {
		struct request request = make_request(exchange, connection, url);
		route(server->service, &request, &exchange->change, &answer);
		if (!answer.is_change)
			return send_answer(exchange, connection, &answer, url, version);
		struct songs_change *change = &exchange->change.change;
		change->done = on_changed;
		change->context = exchange;
		exchange->is_changing = true;
		if (server->service->songs->changes_wait) {
			/* Before anybody can resume it. This is called again after that. */
			MHD_suspend_connection(connection);
			songs_change(server->service->songs, change);
			return MHD_YES;
		}
		songs_change(server->service->songs, change);
	}
	change_answer(&exchange->change, &answer);
	return send_answer(exchange, connection, &answer, url, version);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode code)
{
	(void)context;
	(void)code;
	struct exchange *exchange = *state;
	if (!exchange)
		return;
	if (exchange->status)
		metrics_count(exchange->method, exchange->status, now_nanoseconds() - exchange->start);
	connections_touch(connection_link_of(connection));
	atomic_fetch_sub(&exchange->server->bodies, exchange->size);
	atomic_fetch_sub(&exchange->server->busy, 1);
	change_release(&exchange->change);
	free(exchange->body);
	free(exchange);
	*state = NULL;
}

static unsigned thread_count(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	return cores > 1 ? (unsigned)cores : 1;
}

int server_take_port(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	/* What a service before this one left in TIME_WAIT does not matter. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	int number = errno;
	close(fd);
	errno = number;
	return -1;
}

struct server *server_start(struct service *service, int listener)
{
	if (listen(listener, 1024) < 0)
		return NULL;
	struct server *server = calloc(1, sizeof *server);
	if (!server)
		abort();
	server->service = service;
	server->connections = connections_new(CLIENT_SECONDS);
	unsigned threads = thread_count();
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO | MHD_USE_TCP_FASTOPEN | MHD_ALLOW_SUSPEND_RESUME, 0,
		NULL, NULL, on_request, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, connections_notice, server->connections, MHD_OPTION_CONNECTION_LIMIT,
		CONNECTION_LIMIT, MHD_OPTION_PER_IP_CONNECTION_LIMIT, ADDRESS_LIMIT, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		HEADER_LIMIT, MHD_OPTION_CONNECTION_TIMEOUT, 2 * CLIENT_SECONDS, MHD_OPTION_LISTEN_SOCKET, listener,
		MHD_OPTION_THREAD_STACK_SIZE, (size_t)256 * 1024, MHD_OPTION_THREAD_POOL_SIZE,
		threads > 1 ? threads : 0, MHD_OPTION_END);
	if (server->daemon)
		return server;
	int number = errno;
	connections_free(server->connections);
	free(server);
	errno = number;
	return NULL;
}

void server_stop(struct server *server)
{
	__atomic_store_n(&server->service->is_ending, true, __ATOMIC_RELAXED);
	int listener = MHD_quiesce_daemon(server->daemon);
	if (listener >= 0)
		close(listener);
	struct timespec pause = {0, 1000000};
	for (int i = 0; i < DRAIN_SECONDS * 1000 && atomic_load(&server->busy) > 0; i++)
		nanosleep(&pause, NULL);
	MHD_stop_daemon(server->daemon);
	connections_free(server->connections);
	free(server);
}
