/*
 * The clients. Output is sent straight from the chunk that was read; what a connection will not take is kept, and no
 * more output is read until that is gone (attach_is_behind), so there is never more than one chunk of it.
 *
 * At the end what is kept and FRAME_EXIT must reach even a client that reads slowly, while the cleanup should not wait
 * for it: the socket's send buffer is raised, so that the kernel keeps the bytes, even beyond our execve.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "monitor/monitor.h"

#define STALL_LIMIT (CLIENT_STALL_SECONDS * NANOSECONDS_PER_SECOND)
/* Of the kernel's own bookkeeping, a packet of FRAME_LIMIT may cost twice its size. */
#define FINAL_SEND_BUFFER (4 * CHUNK_SIZE)

int attach_listen(struct monitor *monitor, struct error *err)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set_errno(err, errno, "make the attach socket");
	/* By the folder's descriptor, since a socket's path has 108 bytes at most. */
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t size = sizeof address.sun_path - 1;
	size_t used = text_add(address.sun_path, size, 0, "/proc/self/fd/");
	used = text_add_number(address.sun_path, size, used, (uint64_t)monitor->run_folder_fd);
	text_add(address.sun_path, size, used, "/attach.sock");
	unlinkat(monitor->run_folder_fd, "attach.sock", 0);
	/* 0600 from birth; the cleanup gets the engine's mask back. */
	mode_t mask = umask(0177);
	int bound = bind(fd, (struct sockaddr *)&address, sizeof address);
	int number = errno;
	umask(mask);
	errno = number;
	if (bound < 0 || listen(fd, MAX_CLIENTS) < 0)
		return error_set_errno(err, errno, "listen on attach.sock in the container's run folder");
	monitor->listen_fd = steal_fd(&fd);
	return 0;
}

struct client *attach_add(struct monitor *monitor, int fd, bool foreground)
{
	for (size_t i = 0; i < MAX_CLIENTS; i++) {
		struct client *client = &monitor->clients[i];
		if (client->used)
			continue;
		*client = (struct client){.used = true, .fd = fd, .foreground = foreground};
		return client;
	}
	close(fd);
	return NULL;
}

void attach_accept(struct monitor *monitor)
{
	for (;;) {
		int fd = accept4(monitor->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0)
			return;
		/* The folder and the socket are ours alone; a descriptor that leaked elsewhere still opens nothing. */
		struct ucred peer;
		socklen_t size = sizeof peer;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != geteuid()) {
			close(fd);
			continue;
		}
		attach_add(monitor, fd, false);
	}
}

void attach_drop(struct monitor *monitor, struct client *client)
{
	size_t index = (size_t)(client - monitor->clients);
	close(client->fd);
	client->fd = -1;
	monitor->watched[WATCH_CLIENT + index] = 0;
	free(steal_pointer(&client->pending));
	/* Input that it has sent still arrives, and then its place is free. */
	input_end(monitor, client);
}

enum sent { SENT, SENT_LATER, SENT_NEVER };

static enum sent send_frame(int fd, char kind, const void *bytes, size_t size)
{
	struct iovec parts[] = {{&kind, 1}, {(void *)bytes, size}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	for (;;) {
		if (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return SENT;
		if (errno == EINTR)
			continue;
		return errno == EAGAIN || errno == ENOBUFS ? SENT_LATER : SENT_NEVER;
	}
}

/* Sends from *sent on, which is moved. */
static enum sent send_output(int fd, char kind, const char *bytes, size_t size, size_t *sent)
{
	while (*sent < size) {
		size_t part = size - *sent;
		if (part > FRAME_LIMIT)
			part = FRAME_LIMIT;
		enum sent result = send_frame(fd, kind, bytes + *sent, part);
		if (result != SENT)
			return result;
		*sent += part;
	}
	return SENT;
}

static void flush_pending(struct monitor *monitor, struct client *client)
{
	size_t before = client->pending_sent;
	enum sent result = send_output(client->fd, client->pending_kind, client->pending, client->pending_size,
				       &client->pending_sent);
	if (result == SENT_NEVER)
		attach_drop(monitor, client);
	else if (result == SENT)
		free(steal_pointer(&client->pending));
	else if (client->pending_sent > before)
		client->stalled_since = time_monotonic();
}

/* After the container has ended: nothing is read on for the sake of a slow client, the kernel keeps it instead. */
static void force_pending(struct monitor *monitor, struct client *client)
{
	int size = 0;
	socklen_t length = sizeof size;
	getsockopt(client->fd, SOL_SOCKET, SO_SNDBUF, &size, &length);
	/* The kernel doubles what is asked for. */
	size = size / 2 + FINAL_SEND_BUFFER;
	if (setsockopt(client->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
		setsockopt(client->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	flush_pending(monitor, client);
	/* Without the right to raise it far enough: a client that reads gets its time. */
	while (client->fd >= 0 && client->pending) {
		struct pollfd wanted = {.fd = client->fd, .events = POLLOUT};
		if (poll(&wanted, 1, CLIENT_STALL_SECONDS * 1000) == 0)
			attach_drop(monitor, client);
		else
			flush_pending(monitor, client);
	}
}

void attach_broadcast(struct monitor *monitor, char kind, const char *bytes, size_t size)
{
	for (size_t i = 0; i < MAX_CLIENTS; i++) {
		struct client *client = &monitor->clients[i];
		if (!client->used || client->fd < 0)
			continue;
		if (client->pending)
			force_pending(monitor, client);
		if (client->fd < 0)
			continue;
		size_t sent = 0;
		enum sent result = send_output(client->fd, kind, bytes, size, &sent);
		if (result == SENT_NEVER) {
			attach_drop(monitor, client);
		} else if (result == SENT_LATER) {
			client->pending = duplicate_bytes(bytes + sent, size - sent);
			client->pending_size = size - sent;
			client->pending_sent = 0;
			client->pending_kind = kind;
			client->stalled_since = time_monotonic();
		}
	}
}

bool attach_is_behind(const struct monitor *monitor)
{
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		if (monitor->clients[i].pending)
			return true;
	return false;
}

static bool take_frame(struct monitor *monitor, struct client *client, const char *frame, size_t size)
{
	const char *payload = frame + 1;
	switch (frame[0]) {
	case FRAME_STDIN:
		if (size == 1)
			input_end(monitor, client);
		return size == 1 || input_add(monitor, client, payload, size - 1);
	case FRAME_RESIZE: {
		struct frame_resize window;
		if (size != 1 + sizeof window)
			return false;
		memcpy(&window, payload, sizeof window);
		input_resize(monitor, &window);
		return true;
	}
	case FRAME_SIGNAL:
		if (size != 2 || payload[0] < 1 || payload[0] > 64)
			return false;
		syscall(SYS_pidfd_send_signal, monitor->process_fd, (int)payload[0], NULL, 0);
		return true;
	default:
		return false;
	}
}

static void read_frames(struct monitor *monitor, struct client *client)
{
	static char frame[1 + FRAME_LIMIT];
	/* A few at a time, so that nobody else waits for long. */
	for (int i = 0; i < 8 && client->fd >= 0; i++) {
		/* MSG_TRUNC: the true size, so that a frame over the limit is seen as one. */
		ssize_t got = recv(client->fd, frame, sizeof frame, MSG_DONTWAIT | MSG_TRUNC);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0 || got > (ssize_t)sizeof frame || !take_frame(monitor, client, frame, (size_t)got))
			attach_drop(monitor, client);
	}
}

static void tell_window(struct monitor *monitor, struct client *client)
{
	if (client->fd < 0 || client->window_owed == 0)
		return;
	uint32_t owed = client->window_owed;
	enum sent result = send_frame(client->fd, FRAME_WINDOW, &owed, sizeof owed);
	if (result == SENT)
		client->window_owed = 0;
	else if (result == SENT_NEVER)
		attach_drop(monitor, client);
}

void attach_client_ready(struct monitor *monitor, struct client *client, uint32_t events)
{
	if (client->fd >= 0 && client->pending && events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		flush_pending(monitor, client);
	if (client->fd >= 0 && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_frames(monitor, client);
	tell_window(monitor, client);
}

int attach_expire(struct monitor *monitor)
{
	nanoseconds least = -1;
	for (size_t i = 0; i < MAX_CLIENTS; i++) {
		struct client *client = &monitor->clients[i];
		tell_window(monitor, client);
		if (!client->pending || client->foreground)
			continue;
		nanoseconds left = client->stalled_since + STALL_LIMIT - time_monotonic();
		if (left <= 0)
			attach_drop(monitor, client);
		else if (least < 0 || left < least)
			least = left;
	}
	return least < 0 ? -1 : (int)(least / 1000000 + 1);
}

void attach_finish(struct monitor *monitor, int exit_code)
{
	/* Whoever has just connected is told, too. */
	attach_accept(monitor);
	unlinkat(monitor->run_folder_fd, "attach.sock", 0);
	unsigned char code = (unsigned char)exit_code;
	for (size_t i = 0; i < MAX_CLIENTS; i++) {
		struct client *client = &monitor->clients[i];
		if (client->fd < 0 || !client->used)
			continue;
		if (client->pending)
			force_pending(monitor, client);
		if (client->fd >= 0 && send_frame(client->fd, FRAME_EXIT, &code, 1) == SENT_LATER) {
			client->pending = duplicate_bytes(&code, 1);
			client->pending_size = 1;
			client->pending_sent = 0;
			client->pending_kind = FRAME_EXIT;
			force_pending(monitor, client);
		}
	}
}
