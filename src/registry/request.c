#include "registry/request.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/memory.h"
#include "registry/number.h"

const char *request_header(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *request_query(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

bool request_content_length(const struct request *request, uint64_t *ret_size)
{
	const char *text = request_header(request, "Content-Length");
	return text && number_parse(text, ret_size);
}

void request_peer(const struct request *request, char *text, size_t size)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info ? info->client_addr : NULL;
	snprintf(text, size, "-");
	if (address && address->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, (socklen_t)size);
	else if (address && address->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text, (socklen_t)size);
}

char *request_base_url(const struct request *request)
{
	if (request->registry->options.public_url)
		return duplicate_string(request->registry->options.public_url);
	return format_string("%s://%s", request->is_tls ? "https" : "http", request->host);
}

const char *request_service(const struct request *request)
{
	const char *url = request->registry->options.public_url;
	const char *slashes = url ? strstr(url, "://") : NULL;
	return slashes ? slashes + 3 : request->host;
}

void request_release_upload(struct request *request)
{
	struct upload_table *uploads = request->registry->uploads;
	struct upload_hold *hold = steal_pointer(&request->hold);
	/* What was received stays, to be gone on with. */
	if (hold && request->upload_has_row)
		upload_table_give(uploads, hold);
	else if (hold && upload_hold_enter(uploads, hold))
		request->registry->blobs->operations->upload_abort(upload_hold_steal(uploads, hold));
}

void request_free(struct request *request)
{
	if (!request)
		return;
	request_release_upload(request);
	if (request->response)
		MHD_destroy_response(request->response);
	if (request->body.bytes)
		explicit_bzero(request->body.bytes, request->body.size);
	buffer_release(&request->body);
	identity_free(request->identity);
	free(request->path);
	free(request->host);
	free(request->name);
	free(request->reference);
	free(request);
}
