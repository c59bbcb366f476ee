#include "monitor/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "monitor/text.h"

#define PART_COUNT 4

static const char *const priorities[] = {[LOG_STDOUT] = "PRIORITY=6\nMESSAGE=", [LOG_STDERR] = "PRIORITY=3\nMESSAGE="};

int journal_open(struct journal *journal, int fields_fd, struct error *err)
{
	struct stat info;
	*journal = (struct journal){.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
	if (journal->fd < 0 || fstat(fields_fd, &info) < 0)
		return error_set_errno(err, errno, "prepare the way to the journal");
	if (info.st_size <= 0 || info.st_size > JOURNAL_FIELD_LIMIT)
		return error_set(err, ERROR_LIMIT, "the fields for the journal are too long");
	journal->fields_size = (size_t)info.st_size;
	journal->fields = mmap(NULL, journal->fields_size, PROT_READ, MAP_PRIVATE, fields_fd, 0);
	return journal->fields == MAP_FAILED ? error_set_errno(err, errno, "read the fields for the journal") : 0;
}

static int send_message(int fd, struct msghdr message)
{
	/* By its name each time: a journal that was started anew is found again. */
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET};
	message.msg_name = &address;
	message.msg_namelen = sizeof address;
	ssize_t sent;
	do
		sent = sendmsg(fd, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -1 : 0;
}

/* As a file that nobody can change any more. */
static int send_sealed(int fd, const struct iovec *parts, int count)
{
	cleanup_close int file = memfd_create("journal-entry", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (file < 0 || writev(file, parts, count) < 0 ||
	    fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -1;
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	memcpy(CMSG_DATA(&control.head), &file, sizeof file);
	struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof control};
	return send_message(fd, message);
}

static int send_entry(struct journal *journal, enum log_stream stream, bool is_part, const char *text, size_t size)
{
	static const char partial[] = "\n" JOURNAL_PARTIAL "=true\n";
	const char *head = priorities[stream];
	struct iovec parts[PART_COUNT] = {
		{(void *)journal->fields, journal->fields_size},
		{(void *)head, strlen(head)},
		{(void *)text, size},
		{(void *)partial, is_part ? sizeof partial - 1 : 1},
	};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = PART_COUNT};
	if (send_message(journal->fd, message) == 0)
		return 0;
	return errno == EMSGSIZE || errno == ENOBUFS ? send_sealed(journal->fd, parts, PART_COUNT) : -1;
}

void journal_lose(struct journal *journal, uint64_t bytes, int reason)
{
	journal->lost += bytes;
	journal->lost_errno = reason;
}

static int send_loss(struct journal *journal)
{
	char note[256];
	if (journal->lost == 0)
		return 0;
	size_t used = text_add_loss(note, sizeof note, 0, journal->lost, journal->lost_errno);
	if (send_entry(journal, LOG_STDERR, false, note, used) < 0)
		return -1;
	journal->lost = 0;
	return 0;
}

void journal_write(struct journal *journal, enum log_stream stream, const char *bytes, size_t size)
{
	if (size == 0)
		send_loss(journal);
	for (const char *at = bytes, *end = bytes + size; at < end;) {
		bool has_newline;
		size_t length = log_part_length(at, (size_t)(end - at), &has_newline);
		if (send_loss(journal) < 0 || send_entry(journal, stream, !has_newline, at, length) < 0)
			journal_lose(journal, length, errno);
		at += length + (has_newline ? 1 : 0);
	}
}
