#include "registry/log.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#define PATH_SHOWN 512

static bool is_enabled = true;

void log_set_enabled(bool enabled)
{
	is_enabled = enabled;
}

static void escape(const char *text, char *escaped, size_t size)
{
	size_t used = 0;
	for (; *text && used + 5 < size; text++) {
		unsigned char byte = (unsigned char)*text;
		if (byte > 0x20 && byte < 0x7f && byte != '"' && byte != '\\')
			escaped[used++] = *text;
		else
			used += (size_t)snprintf(escaped + used, size - used, "\\x%02x", byte);
	}
	escaped[used] = '\0';
}

static const char *method_name(enum http_method method)
{
	static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OTHER"};
	_Static_assert(ARRAY_SIZE(names) == HTTP_METHOD_COUNT + 1, "each method has its name");
	return names[method];
}

void log_request(const struct request *request, bool was_completed)
{
	if (!is_enabled)
		return;
	char time[TIME_TEXT_SIZE], peer[INET6_ADDRSTRLEN], path[PATH_SHOWN], line[1024];
	time_format_rfc3339(time_now(), time);
	request_peer(request, peer, sizeof peer);
	escape(request->path, path, sizeof path);
	const char *user = request->identity && request->identity->user[0] ? request->identity->user : "-";
	int length = snprintf(line, sizeof line, "%s %s %s \"%s %s\" %u %" PRIu64 " %" PRIu64 " %.1fms%s\n", time, peer,
			      user, method_name(request->method), path, request->status, request->received,
			      request->response_size, (double)(time_monotonic() - request->started) / 1e6,
			      was_completed ? "" : " aborted");
	/* One write a line, so that lines of several threads do not mix. A log that cannot be written stops nobody. */
	if (length > 0 && write(STDOUT_FILENO, line, (size_t)length) < 0)
		return;
}

void log_failure(const struct request *request, const struct error *err)
{
	char path[PATH_SHOWN];
	escape(request->path, path, sizeof path);
	fprintf(stderr, "coracle-registry: %s %s: %s\n", method_name(request->method), path, err->message);
}
