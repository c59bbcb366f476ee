#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "monitor/lock.h"

int lock_write_text(int lock_fd, enum lock_role role, const struct exit_text *end)
{
	static const char *const words[] = {"taken ", "monitor ", "waiter "};
	char text[LOCK_TEXT_SIZE];
	memset(text, ' ', sizeof text);
	text[sizeof text - 1] = '\n';
	size_t size = sizeof text - 1;
	size_t used = text_add(text, size, 0, words[role]);
	used = text_add_number(text, size, used, (uint64_t)getpid());
	if (end) {
		used = text_add(text, size, used, " ");
		text_add_exit(text, size, used, end);
	}
	/* At once, but for a file system that takes less: then the rest. */
	for (size_t done = 0; done < sizeof text;) {
		ssize_t put = pwrite(lock_fd, text + done, sizeof text - done, (off_t)done);
		if (put == 0)
			errno = ENOSPC;
		if (put == 0 || (put < 0 && errno != EINTR))
			return -1;
		done += put > 0 ? (size_t)put : 0;
	}
	return 0;
}
