#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "archive/layer_entry.h"
#include "archive/layer_path.h"
#include "archive/tree.h"
#include "base/fd.h"
#include "base/string_list.h"

#define FOLDERS_MAX ((size_t)1000000)

/* Folders that we made get their times last: each file that is put into one changes it. */
struct made_folder {
	char *path;
	struct timespec time;
};

struct unpack {
	const struct tree_unpack_options *options;
	struct tar_reader *reader;
	struct layer_parent parent;
	struct made_folder *made;
	size_t made_count, made_allocated;
	char path[PATH_MAX], split[PATH_MAX];
};

static void unpack_release(struct unpack *unpack)
{
	tar_reader_free(unpack->reader);
	layer_parent_release(&unpack->parent);
	for (size_t i = 0; i < unpack->made_count; i++)
		free(unpack->made[i].path);
	free(unpack->made);
}

static int remember(struct unpack *unpack, struct timespec time, struct error *err)
{
	if (unpack->made_count == FOLDERS_MAX)
		return error_set(err, ERROR_LIMIT, "more than %zu folders", FOLDERS_MAX);
	if (unpack->made_count == unpack->made_allocated) {
		unpack->made_allocated = unpack->made_allocated ? unpack->made_allocated * 2 : 64;
		unpack->made = reallocate_array(unpack->made, unpack->made_allocated, sizeof *unpack->made);
	}
	unpack->made[unpack->made_count++] = (struct made_folder){duplicate_string(unpack->path), time};
	return 0;
}

static void set_times(struct unpack *unpack)
{
	for (size_t i = unpack->made_count; i-- > 0;) {
		struct timespec times[2] = {unpack->made[i].time, unpack->made[i].time};
		/* Moved away meanwhile: it is not ours any more. */
		cleanup_close int fd = open_in_root(unpack->parent.root_fd, unpack->made[i].path,
						    O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
		if (fd >= 0)
			futimens(fd, times);
	}
}

static int unpack_folder(struct unpack *unpack, const char *name, struct archive_entry *entry,
			 const struct layer_metadata *metadata, struct error *err)
{
	int fd = openat(unpack->parent.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	if (fd >= 0 && fstat(fd, &status) == 0) {
		layer_parent_enter(&unpack->parent, unpack->path, fd, status.st_mode);
		return 0;
	}
	if (fd >= 0)
		close(fd);
	if (errno == ENOTDIR || errno == ELOOP)
		return error_set(err, ERROR_CONFLICT, "cannot overwrite non-directory \"%s\" with directory \"%s\"",
				 unpack->path, name);
	if (errno != ENOENT)
		return error_set_errno(err, errno, "open the folder");
	if (layer_make_folder(&unpack->parent, name, entry, metadata, &fd, err) < 0)
		return -1;
	layer_parent_enter(&unpack->parent, unpack->path, fd, metadata->mode);
	return remember(unpack, metadata->times[0], err);
}

/*
 * mknodat() makes it with its mode, since a mode cannot be set later without following what somebody may have put in
 * its place meanwhile.
 */
static int unpack_device(struct unpack *unpack, const char *name, struct archive_entry *entry,
			 const struct layer_metadata *metadata, struct error *err)
{
	mode_t type = archive_entry_filetype(entry);
	dev_t device = type == S_IFIFO ? 0 : makedev(archive_entry_rdevmajor(entry), archive_entry_rdevminor(entry));
	if (type != S_IFIFO && unpack->options->is_untrusted)
		return 0;
	if (type == S_IFCHR && device == makedev(0, 0))
		return error_set(err, ERROR_INVALID, "the character device 0/0 is overlayfs' mark for a removed file");
	int folder = unpack->parent.fd;
	if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
		return error_set_errno(err, errno, "remove what had its name");
	mode_t mask = umask(0);
	int made = mknodat(folder, name, type | (metadata->mode & 0777), device);
	int number = errno;
	umask(mask);
	if (made < 0)
		return error_set_errno(err, number, "make the device file");
	if (fchownat(folder, name, metadata->uid, metadata->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    utimensat(folder, name, metadata->times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set_errno(err, errno, "set its owner and time");
	return 0;
}

static int refuse_folder(const struct unpack *unpack, const char *name, struct error *err)
{
	struct stat status;
	if (fstatat(unpack->parent.fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(status.st_mode))
		return 0;
	return error_set(err, ERROR_CONFLICT, "cannot overwrite directory \"%s\" with non-directory \"%s\"",
			 unpack->path, name);
}

static int unpack_entry(struct unpack *unpack, struct archive_entry *entry, struct error *err)
{
	const char *folder, *name;
	struct layer_metadata metadata;
	memcpy(unpack->split, unpack->path, strlen(unpack->path) + 1);
	layer_path_split(unpack->split, &folder, &name);
	/* The folder itself is there. */
	if (!*unpack->path)
		return 0;
	if (layer_metadata_read(entry, &metadata, err) < 0 || layer_parent_open(&unpack->parent, folder, err) < 0)
		return -1;
	if (unpack->options->has_owner) {
		metadata.uid = unpack->options->uid;
		metadata.gid = unpack->options->gid;
	}
	bool is_folder = archive_entry_filetype(entry) == S_IFDIR && !archive_entry_hardlink(entry);
	if (unpack->options->is_untrusted)
		metadata.mode &= is_folder ? 01777 : 0777;
	if (is_folder)
		return unpack_folder(unpack, name, entry, &metadata, err);
	if (refuse_folder(unpack, name, err) < 0)
		return -1;
	if (archive_entry_hardlink(entry))
		return layer_make_hard_link(&unpack->parent, name, archive_entry_hardlink(entry), err);
	switch (archive_entry_filetype(entry)) {
	case S_IFREG:
		return layer_make_file(&unpack->parent, name, entry, &metadata, unpack->reader, err);
	case S_IFLNK:
		return layer_make_link(&unpack->parent, name, entry, &metadata, err);
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
		return unpack_device(unpack, name, entry, &metadata, err);
	default:
		return error_set(err, ERROR_INVALID, "it is neither file, folder, link nor device");
	}
}

static int unpack_all(struct unpack *unpack, const struct source *tar, struct error *err)
{
	struct archive_entry *entry;
	int more;
	if (tar_reader_new(tar, &unpack->reader, err) < 0)
		return -1;
	while ((more = tar_reader_next(unpack->reader, &entry, err)) > 0) {
		const char *name = archive_entry_pathname(entry);
		if (!name)
			return error_set(err, ERROR_CORRUPT, "damaged tar archive: an entry without a name");
		if (layer_path_clean(name, unpack->path, err) == 0 && unpack_entry(unpack, entry, err) == 0)
			continue;
		char text[256];
		layer_path_printable(name, text);
		return error_wrap(err, "\"%s\"", text);
	}
	if (more < 0 || tar_reader_drain(unpack->reader, err) < 0)
		return -1;
	set_times(unpack);
	return 0;
}

int tree_unpack(const struct source *tar, int folder_fd, const struct tree_unpack_options *options, struct error *err)
{
	struct unpack *unpack = allocate(sizeof *unpack);
	unpack->options = options;
	layer_parent_init(&unpack->parent, folder_fd);
	int result = unpack_all(unpack, tar, err);
	unpack_release(unpack);
	free(unpack);
	return result;
}
