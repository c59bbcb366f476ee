#include "runtime/sync.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"

union descriptor_room {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int sync_send(int socket_fd, enum sync_kind kind, const struct error *error, int fd, struct error *err)
{
	struct sync_message message;
	message.kind = kind;
	struct iovec part = {.iov_base = &message, .iov_len = offsetof(struct sync_message, error)};
	if (error) {
		message.error = *error;
		part.iov_len = offsetof(struct sync_message, error.message) + strlen(error->message) + 1;
	}
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	union descriptor_room room;
	if (fd >= 0) {
		memset(&room, 0, sizeof room);
		header.msg_control = room.bytes;
		header.msg_controllen = sizeof room.bytes;
		struct cmsghdr *control = CMSG_FIRSTHDR(&header);
		control->cmsg_level = SOL_SOCKET;
		control->cmsg_type = SCM_RIGHTS;
		control->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(control), &fd, sizeof fd);
	}
	ssize_t sent;
	do
		sent = sendmsg(socket_fd, &header, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? error_set_errno(err, errno, "speak to the other side of the start") : 0;
}

int sync_receive(int socket_fd, struct sync_message *message, int *ret_fd, struct error *err)
{
	struct iovec part = {.iov_base = message, .iov_len = sizeof *message};
	union descriptor_room room;
	struct msghdr header = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = room.bytes, .msg_controllen = sizeof room.bytes};
	ssize_t got;
	/* A side that ended without reading all leaves ECONNRESET in front of its own last words; it is told once. */
	do
		got = recvmsg(socket_fd, &header, MSG_CMSG_CLOEXEC);
	while (got < 0 && (errno == EINTR || errno == ECONNRESET));
	int fd = -1;
	struct cmsghdr *control = got > 0 ? CMSG_FIRSTHDR(&header) : NULL;
	if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS &&
	    control->cmsg_len == CMSG_LEN(sizeof fd))
		memcpy(&fd, CMSG_DATA(control), sizeof fd);
	if (ret_fd)
		*ret_fd = fd;
	else if (fd >= 0)
		cleanup_close_function(&fd);
	if (got == 0)
		return 0;
	if (got < 0)
		return error_set_errno(err, errno, "hear the other side of the start");
	message->error.message[sizeof message->error.message - 1] = '\0';
	return 1;
}
