#include "base/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/random.h"

int atomic_file_write(int dir_fd, const char *name, const void *bytes, size_t size, mode_t mode,
		      enum atomic_file_durability durability, struct error *err)
{
	char suffix[17];
	random_hex(suffix, sizeof suffix - 1);
	cleanup_free char *temporary = format_string(".%s.%s", name, suffix);
	cleanup_close int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return error_set_errno(err, errno, "create %s", temporary);
	/* The mode that was asked for, whatever the umask. */
	if (fchmod(fd, mode) < 0) {
		error_set_errno(err, errno, "set the mode of %s", temporary);
		goto fail;
	}
	if (write_full(fd, bytes, size, err) < 0)
		goto fail;
	if (durability == ATOMIC_FILE_DURABLE && sync_fd(fd, err) < 0)
		goto fail;
	if (renameat(dir_fd, temporary, dir_fd, name) < 0) {
		error_set_errno(err, errno, "rename %s to %s", temporary, name);
		goto fail;
	}
	if (durability == ATOMIC_FILE_DURABLE && sync_fd(dir_fd, err) < 0)
		return error_wrap(err, "write %s", name);
	return 0;
fail:
	unlinkat(dir_fd, temporary, 0);
	return error_wrap(err, "write %s", name);
}
