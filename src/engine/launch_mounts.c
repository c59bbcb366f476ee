#include "engine/launch_mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/volume.h"

#define MOUNTINFO_LIMIT ((size_t)8 * 1024 * 1024)

static unsigned long propagation_of(const char *word)
{
	if (!word)
		return 0;
	word += *word == 'r';
	return strcmp(word, "shared") == 0 ? MS_SHARED : strcmp(word, "slave") == 0 ? MS_SLAVE : 0;
}

/* The mount that a descriptor is in, by its number in mountinfo (proc_pid_fdinfo(5)). */
static int mount_number(int fd, long *ret_number, struct error *err)
{
	char path[48];
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	if (read_file_at(AT_FDCWD, path, 4096, &text, err) < 0)
		return -1;
	const char *at = strstr(buffer_text(&text), "mnt_id:");
	if (!at)
		return error_set(err, ERROR_SYSTEM, "%s has no mnt_id", path);
	*ret_number = strtol(at + strlen("mnt_id:"), NULL, 10);
	return 0;
}

/* Docker's rule: what is to be seen on both sides must be on a mount that passes it on. */
static int check_propagation(int fd, const char *path, unsigned long propagation, struct error *err)
{
	long number = 0;
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	if (mount_number(fd, &number, err) < 0 ||
	    read_file_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_LIMIT, &text, err) < 0)
		return -1;
	char *rest = text.bytes;
	for (char *line; rest && (line = strsep(&rest, "\n"));) {
		if (strtol(line, NULL, 10) != number)
			continue;
		char *optional = strstr(line, " - ");
		if (optional)
			*optional = '\0';
		if (strstr(line, " shared:") || (propagation == MS_SLAVE && strstr(line, " master:")))
			return 0;
	}
	return error_set(err, ERROR_INVALID, "path %s is mounted on a mount that is not a %s mount", path,
			 propagation == MS_SHARED ? "shared" : "shared or slave");
}

static int open_bind(const struct container_mount *mount, struct spec_mount *ret_mount, struct error *err)
{
	const char *source = mount->source;
	ret_mount->recursive = !mount->is_shallow;
	ret_mount->read_only_here = mount->read_only_here;
	ret_mount->propagation = propagation_of(mount->propagation);
	ret_mount->source_fd = open(source, O_PATH | O_CLOEXEC);
	if (ret_mount->source_fd < 0 && errno == ENOENT && mount->make_source)
		ret_mount->source_fd = open_folder(source, true, 0755, err);
	else if (ret_mount->source_fd < 0 && errno == ENOENT)
		return error_set(err, ERROR_INVALID,
				 "invalid mount config for type \"bind\": bind source path does not exist: %s", source);
	else if (ret_mount->source_fd < 0)
		return error_set_errno(err, errno, "open mount source %s", source);
	if (ret_mount->source_fd < 0)
		return -1;
	return ret_mount->propagation ? check_propagation(ret_mount->source_fd, source, ret_mount->propagation, err)
				      : 0;
}

static int open_volume(struct engine *engine, const struct container_mount *mount, struct spec_mount *ret_mount,
		       struct error *err)
{
	cleanup_free char *path = NULL;
	bool made;
	if (volume_ensure(engine->store, mount->source, NULL, &path, &made, err) < 0)
		return -1;
	cleanup_close int volume = open(path, O_PATH | O_CLOEXEC);
	if (volume < 0)
		return error_set_errno(err, errno, "open mount source %s", path);
	ret_mount->copy_up = !mount->is_empty && !mount->subpath;
	if (!mount->subpath) {
		ret_mount->source_fd = steal_fd(&volume);
		return 0;
	}
	/* Whoever writes to the volume may put links there: they stay inside. */
	ret_mount->source_fd = open_in_root(volume, mount->subpath, O_PATH, 0);
	if (ret_mount->source_fd < 0)
		return error_set_errno(err, errno, "open the subpath %s of the volume %s", mount->subpath,
				       mount->source);
	return 0;
}

static int open_mount(struct engine *engine, const struct container_mount *mount, struct spec_mount *ret_mount,
		      struct error *err)
{
	*ret_mount = (struct spec_mount){.source_fd = -1, .target = mount->target, .read_only = mount->read_only};
	ret_mount->kind = mount->kind == CONTAINER_MOUNT_TMPFS ? SPEC_MOUNT_TMPFS : SPEC_MOUNT_BIND;
	ret_mount->options = mount->options;
	if (mount->kind == CONTAINER_MOUNT_TMPFS)
		return 0;
	return mount->kind == CONTAINER_MOUNT_VOLUME ? open_volume(engine, mount, ret_mount, err)
						     : open_bind(mount, ret_mount, err);
}

int launch_mounts_open(struct engine *engine, const struct container_config *config, struct spec_mount **ret_mounts,
		       size_t *ret_count, struct error *err)
{
	*ret_mounts = allocate_array(config->mount_count, sizeof **ret_mounts);
	*ret_count = 0;
	for (size_t i = 0; i < config->mount_count; i++) {
		int result = open_mount(engine, &config->mounts[i], &(*ret_mounts)[i], err);
		/* One that was opened, and then found wanting, is closed by the owner too. */
		*ret_count += result == 0 || (*ret_mounts)[i].source_fd >= 0;
		if (result < 0)
			return -1;
	}
	return 0;
}

void launch_mounts_close(struct spec_mount *mounts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (mounts[i].source_fd >= 0)
			close(mounts[i].source_fd);
	free(mounts);
}
