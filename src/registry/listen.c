#include "registry/listen.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

#define BACKLOG 1024

static void addresses_release(struct addrinfo **addresses)
{
	if (*addresses)
		freeaddrinfo(*addresses);
}

static char *describe(int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof address;
	char host[64], port[16];
	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0 ||
	    getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return duplicate_string("?");
	return format_string(address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

int listen_open(const char *address, char **ret_bound, struct error *err)
{
	cleanup_free char *host = duplicate_string(address);
	char *colon = strrchr(host, ':');
	if (!colon || !colon[1])
		return error_set(err, ERROR_USAGE, "invalid address \"%s\": use ADDRESS:PORT", address);
	*colon = '\0';
	char *name = host;
	size_t length = strlen(host);
	if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		name++;
	}
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
	CLEANUP(addresses_release) struct addrinfo *found = NULL;
	int code = getaddrinfo(*name ? name : NULL, colon + 1, &hints, &found);
	if (code != 0)
		return error_set(err, ERROR_USAGE, "invalid address \"%s\": %s", address, gai_strerror(code));
	cleanup_close int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
	    bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		return error_set_errno(err, errno, "listen on %s", address);
	*ret_bound = describe(fd);
	return steal_fd(&fd);
}
