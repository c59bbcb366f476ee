/*
 * The file has no name while it is written (O_TMPFILE), so that a kill leaves nothing. linkat(2) does not replace a
 * file, so that it gets a passing name and is renamed from there. File systems without O_TMPFILE have the passing name
 * from the beginning.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "base/random.h"

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static int open_parent(const char *path)
{
	size_t length = (size_t)(name_of(path) - path);
	cleanup_free char *folder = length ? format_string("%.*s", (int)length, path) : duplicate_string(".");
	return open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static char *passing_name(const char *path)
{
	char suffix[17];
	random_hex(suffix, sizeof suffix - 1);
	return format_string(".%.200s.%s", name_of(path), suffix);
}

static int open_file(struct atomic_output *output)
{
	int fd = openat(output->folder_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, output->mode);
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL))
		return fd;
	output->temporary = passing_name(output->path);
	return openat(output->folder_fd, output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		      output->mode);
}

int atomic_output_open(const char *path, mode_t mode, struct atomic_output *ret_output, struct error *err)
{
	cleanup_atomic_output struct atomic_output output = ATOMIC_OUTPUT_INIT;
	struct stat status;
	output.path = duplicate_string(path);
	output.mode = mode;
	bool is_there = lstat(path, &status) == 0;
	if ((is_there && S_ISDIR(status.st_mode)) || !*name_of(path))
		return error_set(err, ERROR_INVALID, "\"%s\" is a folder", path);
	if (is_there && !S_ISREG(status.st_mode)) {
		output.fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);
	} else {
		output.folder_fd = open_parent(path);
		output.fd = output.folder_fd < 0 ? -1 : open_file(&output);
	}
	if (output.fd < 0)
		return error_set_errno(err, errno, "open %s", path);
	*ret_output = output;
	output = ATOMIC_OUTPUT_INIT;
	return 0;
}

int atomic_output_open_at(int folder_fd, const char *name, mode_t mode, struct atomic_output *ret_output,
			  struct error *err)
{
	cleanup_atomic_output struct atomic_output output = ATOMIC_OUTPUT_INIT;
	output.path = duplicate_string(name);
	output.mode = mode;
	output.folder_fd = fcntl(folder_fd, F_DUPFD_CLOEXEC, 0);
	output.fd = output.folder_fd < 0 ? -1 : open_file(&output);
	if (output.fd < 0)
		return error_set_errno(err, errno, "make %s", name);
	*ret_output = output;
	output = ATOMIC_OUTPUT_INIT;
	return 0;
}

static int give_name(struct atomic_output *output)
{
	char link[64];
	cleanup_free char *name = passing_name(output->path);
	snprintf(link, sizeof link, "/proc/self/fd/%d", output->fd);
	if (linkat(AT_FDCWD, link, output->folder_fd, name, AT_SYMLINK_FOLLOW) < 0)
		return -1;
	output->temporary = steal_pointer(&name);
	return 0;
}

int atomic_output_commit(struct atomic_output *output, struct error *err)
{
	if (output->folder_fd < 0)
		return 0;
	if (sync_fd(output->fd, err) < 0)
		return error_wrap(err, "write %s", output->path);
	if ((!output->temporary && give_name(output) < 0) ||
	    renameat(output->folder_fd, output->temporary, output->folder_fd, name_of(output->path)) < 0)
		return error_set_errno(err, errno, "put %s in place", output->path);
	free(output->temporary);
	output->temporary = NULL;
	cleanup_close int folder_fd = openat(output->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder_fd < 0 ? 0 : sync_fd(folder_fd, err);
}

void atomic_output_release(struct atomic_output *output)
{
	if (output->temporary && output->folder_fd >= 0)
		unlinkat(output->folder_fd, output->temporary, 0);
	if (output->fd >= 0)
		close(output->fd);
	if (output->folder_fd >= 0)
		close(output->folder_fd);
	free(output->path);
	free(output->temporary);
	*output = ATOMIC_OUTPUT_INIT;
}
