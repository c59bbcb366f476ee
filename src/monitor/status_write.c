#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/memory.h"
#include "monitor/monitor.h"

/* One writer, the lock's holder: so a fixed temporary name is enough, and one that was left over is overwritten. */
static int replace_status(int run_folder_fd, const char *text, size_t size)
{
	cleanup_close int fd =
		openat(run_folder_fd, ".status.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -1;
	ssize_t put = write(fd, text, size);
	if (put != (ssize_t)size) {
		if (put >= 0)
			errno = ENOSPC;
		return -1;
	}
	return renameat(run_folder_fd, ".status.new", run_folder_fd, "status");
}

int status_write_running(int run_folder_fd, pid_t pid, nanoseconds started)
{
	char text[96];
	size_t used = text_add(text, sizeof text, 0, "running ");
	used = text_add_number(text, sizeof text, used, (uint64_t)pid);
	used = text_add(text, sizeof text, used, " ");
	used = text_add_number(text, sizeof text, used, (uint64_t)started);
	used = text_add(text, sizeof text, used, "\n");
	return replace_status(run_folder_fd, text, used);
}

int status_write_exited(int run_folder_fd, const struct exit_text *end)
{
	char text[96];
	size_t used = text_add_exit(text, sizeof text, 0, end);
	used = text_add(text, sizeof text, used, "\n");
	return replace_status(run_folder_fd, text, used);
}
