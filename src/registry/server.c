/*
 * The library calls handle() with the headers, then with each piece of the body, then once more. A request is decided
 * as early as can be: route, identity and the handler's `begin` come before the body, so a client that asked
 * "Expect: 100-continue" does not send what will be refused. Where it did not ask, a short body is read and dropped
 * first, since closing a connection with unread bytes makes the kernel reset it and the client may never see the
 * answer.
 */
#include "registry/server.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "registry/auth.h"
#include "registry/listen.h"
#include "registry/log.h"
#include "registry/response.h"

#define CONNECTION_LIMIT	1536
#define CONNECTIONS_PER_ADDRESS 1024
#define CONNECTION_MEMORY	((size_t)32 * 1024) /* headers and the piece of a body that is under way */
#define IDLE_SECONDS		60
#define DROP_LIMIT		((uint64_t)16 * 1024 * 1024)
#define SLOW_SECONDS		60
#define SLOW_BYTES_PER_SECOND	256
#define DRAIN_SECONDS		10
#define PEM_LIMIT		((size_t)1024 * 1024)
#define LISTEN_LIMIT		16

struct server {
	struct registry *registry;
	struct MHD_Daemon *daemons[LISTEN_LIMIT];
	size_t daemon_count;
	char *certificate, *key;
};

static enum http_method method_of(const char *text)
{
	static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
	_Static_assert(ARRAY_SIZE(names) == HTTP_METHOD_COUNT, "each method has its name");
	int method = 0;
	while (method < HTTP_METHOD_COUNT && strcmp(text, names[method]) != 0)
		method++;
	return (enum http_method)method;
}

/* What goes into headers and tokens has to be a host. */
static char *host_of(const char *header)
{
	char *host = duplicate_string(header ? header : "");
	size_t length = strlen(host);
	if (length == 0 || length > 255 ||
	    strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]") != length)
		replace_string(&host, duplicate_string("registry"));
	for (char *at = host; *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at |= 0x20;
	return host;
}

static void refuse_method(struct request *request, unsigned methods)
{
	static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
	cleanup_string_list struct string_list allowed = {0};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (methods & 1u << i)
			string_list_add(&allowed, names[i]);
	cleanup_free char *joined = string_list_join(&allowed, ", ");
	response_error(request, OCI_UNSUPPORTED, 0, NULL);
	response_header(request, "Allow", joined);
}

static void begin(struct request *request)
{
	struct error err = {0};
	unsigned methods = 0;
	uint64_t length = 0;
	switch (route_find(request->method, request->path, &request->route, &request->name, &request->reference,
			   &methods)) {
	case ROUTE_NAME_INVALID:
		response_error(request, OCI_NAME_INVALID, 0, NULL);
		return;
	case ROUTE_NO_METHOD:
		refuse_method(request, methods);
		return;
	case ROUTE_NO_PATH:
		response_error(request, OCI_UNSUPPORTED, 404, "there is nothing at this path");
		return;
	case ROUTE_FOUND:
		break;
	}
	const struct route *route = request->route;
	request->body = BUFFER_INIT(route->body_limit);
	if (auth_check(request, &err) < 0) {
		response_failure(request, &err);
		return;
	}
	if (!request->response && route->body_limit && request_content_length(request, &length) &&
	    length > route->body_limit)
		response_error(request, OCI_SIZE_INVALID, 413, "at most %zu bytes are taken", route->body_limit);
	if (!request->response && route->begin && route->begin(request, &err) < 0)
		response_failure(request, &err);
}

/* false: the connection is to be cut off. */
static bool receive(struct request *request, const char *bytes, size_t size)
{
	const struct route *route = request->route;
	struct error err = {0};
	request->received += size;
	request->registry->metrics.bytes_received += size;
	nanoseconds seconds = (time_monotonic() - request->started) / NANOSECONDS_PER_SECOND;
	if (seconds > SLOW_SECONDS && request->received < (uint64_t)seconds * SLOW_BYTES_PER_SECOND)
		return false;
	if (request->response)
		return request->received <= DROP_LIMIT;
	if (route->receive) {
		if (route->receive(request, bytes, size, &err) < 0)
			response_failure(request, &err);
	} else if (route->body_limit && buffer_append(&request->body, bytes, size, &err) < 0) {
		response_error(request, OCI_SIZE_INVALID, 413, "at most %zu bytes are taken", route->body_limit);
	}
	return route->receive || route->body_limit || request->received <= DROP_LIMIT;
}

static void finish(struct request *request)
{
	struct error err = {0};
	if (!request->response && request->route->finish(request, &err) < 0)
		response_failure(request, &err);
	if (!request->response)
		response_error(request, OCI_UNKNOWN, 0, NULL);
}

static enum MHD_Result reply(struct request *request)
{
	/* Before the answer: the client's next request for this upload may be here before this one is over. */
	request_release_upload(request);
	if (request->registry->is_draining)
		response_header(request, "Connection", "close");
	return MHD_queue_response(request->connection, request->status, request->response);
}

/* Whether the answer goes out before the body has come. */
static bool reply_at_once(const struct request *request)
{
	uint64_t length;
	const char *expect = request_header(request, "Expect");
	if (!request->response)
		return false;
	if (expect && strcasecmp(expect, "100-continue") == 0)
		return true;
	return request_content_length(request, &length) && length > DROP_LIMIT;
}

static struct request *request_new(struct registry *registry, struct MHD_Connection *connection, const char *path,
				   const char *method)
{
	struct request *request = allocate(sizeof *request);
	request->registry = registry;
	request->connection = connection;
	request->method = method_of(method);
	request->path = duplicate_string(path);
	request->started = time_monotonic();
	request->host = host_of(request_header(request, "Host"));
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_PROTOCOL);
	request->is_tls = info != NULL;
	registry->metrics.in_flight++;
	return request;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path, const char *method,
			      const char *version, const char *bytes, size_t *size, void **request_context)
{
	struct request *request = *request_context;
	if (!request) {
		request = *request_context = request_new(context, connection, path, method);
		begin(request);
		return reply_at_once(request) ? reply(request) : MHD_YES;
	}
	if (*size > 0) {
		bool goes_on = receive(request, bytes, *size);
		*size = 0;
		return goes_on ? MHD_YES : MHD_NO;
	}
	finish(request);
	return reply(request);
}

static void completed(void *context, struct MHD_Connection *connection, void **request_context,
		      enum MHD_RequestTerminationCode how)
{
	struct request *request = *request_context;
	struct registry *registry = context;
	if (!request)
		return;
	*request_context = NULL;
	bool is_complete = how == MHD_REQUEST_TERMINATED_COMPLETED_OK;
	registry->metrics.requests[is_complete ? request->status / 100 : 0]++;
	registry->metrics.bytes_sent += request->method == HTTP_HEAD ? 0 : request->response_size;
	log_request(request, is_complete);
	request_free(request);
	registry->metrics.in_flight--;
}

static int read_pem(const char *path, char **ret_text, struct error *err)
{
	cleanup_buffer struct buffer text = {0};
	if (read_file_at(AT_FDCWD, path, PEM_LIMIT, &text, err) < 0)
		return error_wrap(err, "read %s", path);
	*ret_text = buffer_steal(&text);
	return 0;
}

static int start_daemon(struct server *server, const char *address, struct error *err)
{
	bool has_tls = server->certificate != NULL;
	cleanup_free char *bound = NULL;
	int fd = listen_open(address, &bound, err);
	if (fd < 0)
		return -1;
	struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, server->certificate},
				       {MHD_OPTION_HTTPS_MEM_KEY, 0, server->key},
				       {MHD_OPTION_END, 0, NULL}};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
	unsigned threads = server->registry->options.threads;
	struct MHD_Daemon *daemon = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | (has_tls ? MHD_USE_TLS : 0), 0, NULL, NULL, handle,
		server->registry, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, completed,
		server->registry, MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTION_LIMIT, MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)CONNECTIONS_PER_ADDRESS,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		CONNECTION_MEMORY, MHD_OPTION_ARRAY, has_tls ? tls : none, MHD_OPTION_END);
	if (!daemon) {
		close(fd);
		return error_set(err, ERROR_SYSTEM, "serve %s%s", address,
				 has_tls ? ": check that certificate and key belong together" : "");
	}
	server->daemons[server->daemon_count++] = daemon;
	printf("listening on %s://%s\n", has_tls ? "https" : "http", bound);
	fflush(stdout);
	return 0;
}

int server_start(struct registry *registry, const struct server_options *options, struct server **ret_server,
		 struct error *err)
{
	struct server *server = allocate(sizeof *server);
	server->registry = registry;
	int result = 0;
	if (options->tls_certificate)
		result = read_pem(options->tls_certificate, &server->certificate, err);
	if (options->tls_key && result == 0)
		result = read_pem(options->tls_key, &server->key, err);
	if (options->listen.count > LISTEN_LIMIT)
		result = error_set(err, ERROR_USAGE, "at most %d addresses can be listened on", LISTEN_LIMIT);
	for (size_t i = 0; i < options->listen.count && result == 0; i++)
		result = start_daemon(server, options->listen.items[i], err);
	if (result < 0) {
		server_stop(server);
		return -1;
	}
	*ret_server = server;
	return 0;
}

void server_stop(struct server *server)
{
	if (!server)
		return;
	server->registry->is_draining = true;
	for (size_t i = 0; i < server->daemon_count; i++) {
		int fd = MHD_quiesce_daemon(server->daemons[i]);
		if (fd >= 0)
			close(fd);
	}
	nanoseconds end = time_monotonic() + DRAIN_SECONDS * NANOSECONDS_PER_SECOND;
	while (server->registry->metrics.in_flight > 0 && time_monotonic() < end)
		poll(NULL, 0, 20);
	for (size_t i = 0; i < server->daemon_count; i++)
		MHD_stop_daemon(server->daemons[i]);
	if (server->key)
		explicit_bzero(server->key, strlen(server->key));
	free(server->certificate);
	free(server->key);
	free(server);
}
