#include "network/kernel_setting.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"

static int check_is_procfs(int fd, const char *path, struct error *err)
{
	struct statfs status;
	if (fstatfs(fd, &status) < 0)
		return error_set_errno(err, errno, "examine %s", path);
	if (status.f_type != PROC_SUPER_MAGIC)
		return error_set(err, ERROR_DENIED, "%s is not of procfs: something is mounted over /proc/sys", path);
	return 0;
}

/* "sysctl -w net.ipv4.ip_forward=1", said to a person. */
static int refuse_write(const char *name, char digit, int number, struct error *err)
{
	char dotted[320];
	snprintf(dotted, sizeof dotted, "%s", name);
	for (char *position = dotted; *position; position++)
		if (*position == '/')
			*position = '.';
	const char *why = number == EROFS ? "/proc/sys is mounted read-only here; " : "";
	error_set_errno(err, number, "set %s to %c: %srun \"sysctl -w %s=%c\" on the host, or mount /proc/sys writable",
			dotted, digit, why, dotted, digit);
	return -1;
}

int kernel_setting_ensure(const char *name, char digit, bool *ret_exists, struct error *err)
{
	char path[320];
	snprintf(path, sizeof path, "/proc/sys/%s", name);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && ret_exists) {
		*ret_exists = false;
		return 0;
	}
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", path);
	char text[2] = {0};
	if (check_is_procfs(fd, path, err) < 0)
		return -1;
	if (read_some(fd, text, sizeof text) < 0)
		return error_set_errno(err, errno, "read %s", path);
	if (text[0] != digit || (text[1] != '\n' && text[1] != '\0')) {
		cleanup_close int writable = open(path, O_WRONLY | O_CLOEXEC);
		if (writable < 0 || write(writable, &digit, 1) != 1)
			return refuse_write(name, digit, errno, err);
	}
	if (ret_exists)
		*ret_exists = true;
	return 0;
}

int kernel_setting_read(const char *name, char *ret_digit, struct error *err)
{
	char path[320];
	snprintf(path, sizeof path, "/proc/sys/%s", name);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", path);
	if (check_is_procfs(fd, path, err) < 0)
		return -1;
	return read_some(fd, ret_digit, 1) == 1 ? 0 : error_set_errno(err, errno, "read %s", path);
}
