#include "build/report_link.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "build/report_internal.h"

#define HEADER_SIZE offsetof(struct link_message, bytes)

void report_link_send(int fd, uint32_t kind, size_t step, const void *bytes, size_t size)
{
	uint32_t header[2] = {kind, (uint32_t)step};
	struct iovec parts[2] = {{header, sizeof header}, {(void *)(uintptr_t)bytes, size}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = size ? 2 : 1};
	while (sendmsg(fd, &message, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

int report_link_receive(int fd, struct link_message *message, size_t *ret_size, int flags)
{
	ssize_t got = recv(fd, message, sizeof *message, flags);
	if (got <= 0)
		return (int)got;
	if ((size_t)got < HEADER_SIZE) {
		errno = EPROTO;
		return -1;
	}
	*ret_size = (size_t)got - HEADER_SIZE;
	return 1;
}

void report_link_release(struct report_link *link)
{
	free(link->steps);
	*link = (struct report_link){0};
}

void report_link_worker(struct report *report, int fd)
{
	report->link_fd = fd;
}

size_t report_link_step(const struct report_link *link, size_t step)
{
	if (step <= link->base)
		return step;
	return step - link->base <= link->count ? link->steps[step - link->base - 1] : 0;
}

void report_link_event(struct report *report, struct report_link *link, const struct link_message *message, size_t size,
		       bool is_canceled)
{
	if (message->kind == REPORT_BEGIN) {
		link->steps = reallocate_array(link->steps, link->count + 1, sizeof *link->steps);
		link->steps[link->count++] = report_event(report, REPORT_BEGIN, 0, message->bytes, size);
		return;
	}
	size_t step = report_link_step(link, message->step);
	if (!step || step > report->count)
		return;
	if (message->kind == REPORT_FAILED && is_canceled)
		report_canceled(report, step);
	else
		report_event(report, (enum report_event)message->kind, step, message->bytes, size);
}

void report_link_close(struct report *report, struct report_link *link, size_t step)
{
	if (step)
		report_canceled(report, step);
	for (size_t i = 0; i < link->count; i++)
		report_canceled(report, link->steps[i]);
}
