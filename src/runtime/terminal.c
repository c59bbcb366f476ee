#include "runtime/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "runtime/mount_api.h"

static int check_devpts(int fd, struct error *err)
{
	struct statfs status;
	if (fstatfs(fd, &status) < 0)
		return error_set_errno(err, errno, "look at /dev/pts");
	if ((long)status.f_type != DEVPTS_SUPER_MAGIC)
		return error_set(err, ERROR_DENIED, "/dev/pts in the container is not a devpts");
	return 0;
}

static int put_on_console(int root_fd, int slave, struct error *err)
{
	cleanup_close int target = mount_target_file(root_fd, "dev/console", err);
	if (target < 0)
		return -1;
	cleanup_close int copy = mount_clone(slave, false, err);
	return copy < 0 ? -1 : mount_attach(copy, target, "/dev/console", err);
}

int terminal_open(int root_fd, bool console, int *ret_master, int *ret_slave, struct error *err)
{
	cleanup_close int folder = mount_target_folder(root_fd, "dev/pts", err);
	if (folder < 0 || check_devpts(folder, err) < 0)
		return -1;
	cleanup_close int master = openat(folder, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (master < 0)
		return error_set_errno(err, errno, "open a terminal");
	if (check_devpts(master, err) < 0)
		return -1;
	int locked = 0;
	if (ioctl(master, TIOCSPTLCK, &locked) < 0)
		return error_set_errno(err, errno, "unlock the terminal");
	cleanup_close int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return error_set_errno(err, errno, "open the terminal's other side");
	if (check_devpts(slave, err) < 0)
		return -1;
	if (console && put_on_console(root_fd, slave, err) < 0)
		return -1;
	*ret_master = steal_fd(&master);
	*ret_slave = steal_fd(&slave);
	return 0;
}

int terminal_control(int slave, struct error *err)
{
	return ioctl(slave, TIOCSCTTY, 0) < 0 ? error_set_errno(err, errno, "take the terminal") : 0;
}
