/*
 * Input on its way to the container. What the container takes at once is never copied; the rest waits in a buffer of
 * the client's, INPUT_WINDOW at most, and the client is told of room as it goes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/memory.h"
#include "monitor/monitor.h"

static int *input_fd(struct monitor *monitor)
{
	return monitor->terminal_fd >= 0 ? &monitor->terminal_fd : &monitor->stdin_fd;
}

static void close_input(struct monitor *monitor)
{
	if (monitor->stdin_fd < 0)
		return;
	close(monitor->stdin_fd);
	monitor->stdin_fd = -1;
	monitor->watched[WATCH_STDIN] = 0;
}

/* How much the container took. What it will never take, since it has closed its end, counts as taken. */
static size_t give(struct monitor *monitor, const char *bytes, size_t size)
{
	size_t given = 0;
	while (given < size) {
		int fd = *input_fd(monitor);
		if (fd < 0)
			return size;
		ssize_t put = write(fd, bytes + given, size - given);
		if (put > 0) {
			given += (size_t)put;
		} else if (put < 0 && errno == EINTR) {
			continue;
		} else if (put < 0 && errno == EAGAIN) {
			return given;
		} else {
			close_input(monitor);
			return size;
		}
	}
	return given;
}

static void end_if_drained(struct monitor *monitor, struct client *client)
{
	if (client->input_sent < client->input_size)
		return;
	free(steal_pointer(&client->input));
	client->input_size = client->input_sent = 0;
	if (client->input_ended && monitor->stdin_once)
		close_input(monitor);
	if (client->fd < 0)
		*client = (struct client){.fd = -1};
}

bool input_add(struct monitor *monitor, struct client *client, const char *bytes, size_t size)
{
	if (client->input_ended)
		return true;
	size_t given = client->input ? 0 : give(monitor, bytes, size);
	client->window_owed += (uint32_t)given;
	if (given == size)
		return true;
	size_t kept = client->input_size - client->input_sent;
	if (kept + size - given > INPUT_WINDOW)
		return false;
	if (!client->input)
		client->input = allocate(INPUT_WINDOW);
	memmove(client->input, client->input + client->input_sent, kept);
	memcpy(client->input + kept, bytes + given, size - given);
	client->input_sent = 0;
	client->input_size = kept + size - given;
	return true;
}

void input_end(struct monitor *monitor, struct client *client)
{
	client->input_ended = true;
	end_if_drained(monitor, client);
}

bool input_is_waiting(const struct monitor *monitor)
{
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		if (monitor->clients[i].input)
			return true;
	return false;
}

void input_flush(struct monitor *monitor)
{
	for (size_t i = 0; i < MAX_CLIENTS; i++) {
		struct client *client = &monitor->clients[i];
		if (!client->input)
			continue;
		size_t given =
			give(monitor, client->input + client->input_sent, client->input_size - client->input_sent);
		client->input_sent += given;
		client->window_owed += (uint32_t)given;
		end_if_drained(monitor, client);
	}
}

void input_resize(struct monitor *monitor, const struct frame_resize *size)
{
	if (monitor->terminal_fd < 0)
		return;
	struct winsize window = {.ws_row = size->rows, .ws_col = size->columns};
	ioctl(monitor->terminal_fd, TIOCSWINSZ, &window);
}
