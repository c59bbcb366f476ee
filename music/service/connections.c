#include "connections.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

struct connections {
	pthread_mutex_t lock;
	pthread_cond_t end;
	pthread_t sweeper;
	long seconds;
	bool is_closing;
	struct connection_link *first;
};

static long now_seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec;
}

static void *sweep(void *context)
{
	struct connections *connections = context;
	pthread_mutex_lock(&connections->lock);
	while (!connections->is_closing) {
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec++;
		pthread_cond_timedwait(&connections->end, &connections->lock, &until);
		long oldest = now_seconds() - connections->seconds;
		/* A link leaves the list before its descriptor is closed. */
		for (struct connection_link *link = connections->first; link; link = link->behind)
			if (atomic_load_explicit(&link->since, memory_order_relaxed) < oldest)
				shutdown(link->fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&connections->lock);
	return NULL;
}

struct connections *connections_new(long seconds)
{
	struct connections *connections = calloc(1, sizeof *connections);
	if (!connections)
		abort();
	connections->seconds = seconds;
	pthread_mutex_init(&connections->lock, NULL);
	pthread_cond_init(&connections->end, NULL);
	if (pthread_create(&connections->sweeper, NULL, sweep, connections) != 0)
		abort();
	return connections;
}

void connections_free(struct connections *connections)
{
	pthread_mutex_lock(&connections->lock);
	connections->is_closing = true;
	pthread_cond_signal(&connections->end);
	pthread_mutex_unlock(&connections->lock);
	pthread_join(connections->sweeper, NULL);
	pthread_mutex_destroy(&connections->lock);
	pthread_cond_destroy(&connections->end);
	free(connections);
}

static void write_address(struct MHD_Connection *connection, char text[INET6_ADDRSTRLEN])
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

void connections_notice(void *context, struct MHD_Connection *connection, void **socket_context,
			enum MHD_ConnectionNotificationCode code)
{
	struct connections *connections = context;
	struct connection_link *link = *socket_context;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		link = calloc(1, sizeof *link);
		if (!link)
			abort();
		link->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		write_address(connection, link->address);
		connections_touch(link);
		*socket_context = link;
		pthread_mutex_lock(&connections->lock);
		link->behind = connections->first;
		if (link->behind)
			link->behind->before = link;
		connections->first = link;
		pthread_mutex_unlock(&connections->lock);
		return;
	}
	pthread_mutex_lock(&connections->lock);
	*(link->before ? &link->before->behind : &connections->first) = link->behind;
	if (link->behind)
		link->behind->before = link->before;
	pthread_mutex_unlock(&connections->lock);
	free(link);
	*socket_context = NULL;
}

struct connection_link *connection_link_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void connections_touch(struct connection_link *link)
{
	atomic_store_explicit(&link->since, now_seconds(), memory_order_relaxed);
}

void request_id_make(const char *wanted, char id[REQUEST_ID_SIZE])
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-";
	static _Thread_local uint8_t bytes[1024];
	static _Thread_local size_t left;
	size_t size = wanted ? strlen(wanted) : 0;
	if (size && size < REQUEST_ID_SIZE && strspn(wanted, letters) == size) {
		memcpy(id, wanted, size + 1);
		return;
	}
	if (!left) {
		if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
			abort();
		left = sizeof bytes;
	}
	left -= 16;
	for (size_t i = 0; i < 16; i++) {
		id[2 * i] = letters[bytes[left + i] >> 4];
		id[2 * i + 1] = letters[bytes[left + i] & 15];
	}
	id[32] = '\0';
}
