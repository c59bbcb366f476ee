#include "archive/layer_entry.h"

#include <archive.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "archive/layer_path.h"
#include "base/fd.h"

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int check_owner(int64_t id, const char *what, struct error *err)
{
	/* 2^32 - 1 means "leave it" to chown(2). */
	if (id < 0 || id >= UINT32_MAX)
		return error_set(err, ERROR_INVALID, "%s %" PRId64 " is out of range", what, id);
	return 0;
}

/* An attribute of overlayfs would make the kernel show files of other layers here, or hide them. */
static int check_attributes(struct archive_entry *entry, struct error *err)
{
	const char *name;
	const void *value;
	size_t size;
	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
		if (name && (starts_with(name, OVERLAY_PREFIX) || starts_with(name, OVERLAY_USER_PREFIX)))
			return error_set(
				err, ERROR_INVALID,
				"extended attributes \"trusted.overlay.*\" and \"user.overlay.*\" are not allowed");
	return 0;
}

struct timespec layer_entry_time(struct archive_entry *entry)
{
	struct timespec time = {.tv_sec = archive_entry_mtime(entry), .tv_nsec = archive_entry_mtime_nsec(entry)};
	if (time.tv_nsec < 0 || time.tv_nsec >= 1000000000)
		time.tv_nsec = 0;
	return time;
}

int layer_metadata_read(struct archive_entry *entry, struct layer_metadata *ret_metadata, struct error *err)
{
	int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
	if (check_owner(uid, "user", err) < 0 || check_owner(gid, "group", err) < 0 || check_attributes(entry, err) < 0)
		return -1;
	struct timespec time = layer_entry_time(entry);
	*ret_metadata = (struct layer_metadata){
		.mode = archive_entry_perm(entry) & 07777,
		.uid = (uid_t)uid,
		.gid = (gid_t)gid,
		.times = {time, time},
	};
	return 0;
}

/* File capabilities and the user's own attributes. Others speak of the machine that the image was made on. */
static int apply_attributes(struct archive_entry *entry, int fd, struct error *err)
{
	const char *name;
	const void *value;
	size_t size;
	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		bool is_capability = name && strcmp(name, CAPABILITY_ATTRIBUTE) == 0;
		if (!is_capability && (!name || !starts_with(name, "user.")))
			continue;
		if (fsetxattr(fd, name, value, size, 0) == 0)
			continue;
		if (!is_capability && (errno == EOPNOTSUPP || errno == EPERM || errno == ENOSPC || errno == ERANGE))
			continue;
		return error_set_errno(err, errno, "set its file capabilities or attributes");
	}
	return 0;
}

static int apply_mode(const struct layer_metadata *metadata, int fd, struct error *err)
{
	return fchmod(fd, metadata->mode) < 0 ? error_set_errno(err, errno, "set its mode") : 0;
}

static int apply_all_attributes(struct archive_entry *entry, int fd, struct error *err)
{
	return archive_entry_xattr_count(entry) > 0 ? apply_attributes(entry, fd, err) : 0;
}

int layer_metadata_apply(const struct layer_metadata *metadata, struct archive_entry *entry, int fd, bool owner_is_set,
			 struct error *err)
{
	/* A change of owner takes setuid bits and capabilities away, so that it comes first. */
	if (!owner_is_set && fchown(fd, metadata->uid, metadata->gid) < 0)
		return error_set_errno(err, errno, "set its owner to %u:%u", metadata->uid, metadata->gid);
	return apply_mode(metadata, fd, err) < 0 ? -1 : apply_all_attributes(entry, fd, err);
}

/* Whether what this process makes there has the right owner from the start. */
static bool owner_comes_right(const struct layer_parent *parent, const struct layer_metadata *metadata)
{
	return !parent->gives_group && metadata->uid == parent->own_uid && metadata->gid == parent->own_gid;
}

/* Whether a file that is made with its mode has it from the start: then most files need neither chown nor chmod. */
static bool mode_comes_right(const struct layer_parent *parent, const struct layer_metadata *metadata)
{
	return owner_comes_right(parent, metadata) && (metadata->mode & (07000 | parent->mask)) == 0;
}

static int remove_old(struct layer_parent *parent, const char *name, struct error *err)
{
	parent->replaced += !layer_is_whiteout(parent->fd, name);
	if (remove_tree_at(parent->fd, name, err) < 0)
		return error_wrap(err, "remove what had its name");
	return 0;
}

static int write_block(int fd, const struct tar_block *block, struct error *err)
{
	const char *bytes = block->bytes;
	size_t left = block->size;
	off_t offset = (off_t)block->offset;
	while (left > 0) {
		ssize_t put = pwrite(fd, bytes, left, offset);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return error_set_errno(err, errno, "write");
		bytes += put;
		left -= (size_t)put;
		offset += put;
	}
	return 0;
}

static int write_contents(int fd, struct tar_reader *reader, uint64_t size, struct error *err)
{
	struct tar_block block;
	uint64_t end = 0;
	int more;
	while ((more = tar_reader_data(reader, &block, err)) > 0) {
		if (block.offset > size || block.size > size - block.offset)
			return error_set(err, ERROR_CORRUPT, "damaged tar archive: more data than the header says");
		if (write_block(fd, &block, err) < 0)
			return -1;
		if (block.size > 0)
			end = block.offset + block.size;
	}
	if (more < 0)
		return -1;
	if (end < size && ftruncate(fd, (off_t)size) < 0)
		return error_set_errno(err, errno, "set its size");
	return 0;
}

int layer_make_file(struct layer_parent *parent, const char *name, struct archive_entry *entry,
		    const struct layer_metadata *metadata, struct tar_reader *reader, struct error *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	bool is_right = mode_comes_right(parent, metadata);
	mode_t mode = is_right ? metadata->mode : 0600;
	cleanup_close int fd = openat(parent->fd, name, flags, mode);
	if (fd < 0 && errno == EEXIST) {
		if (remove_old(parent, name, err) < 0)
			return -1;
		fd = openat(parent->fd, name, flags, mode);
	}
	if (fd < 0)
		return error_set_errno(err, errno, "make the file");
	if (write_contents(fd, reader, (uint64_t)archive_entry_size(entry), err) < 0)
		return -1;
	if (is_right ? apply_all_attributes(entry, fd, err) < 0
		     : layer_metadata_apply(metadata, entry, fd, owner_comes_right(parent, metadata), err) < 0)
		return -1;
	return futimens(fd, metadata->times) < 0 ? error_set_errno(err, errno, "set its time") : 0;
}

static int finish_without_fd(const struct layer_parent *parent, const char *name, const struct layer_metadata *metadata,
			     struct error *err)
{
	if (!owner_comes_right(parent, metadata) &&
	    fchownat(parent->fd, name, metadata->uid, metadata->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set_errno(err, errno, "set its owner to %u:%u", metadata->uid, metadata->gid);
	if (utimensat(parent->fd, name, metadata->times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set_errno(err, errno, "set its time");
	return 0;
}

int layer_make_link(struct layer_parent *parent, const char *name, struct archive_entry *entry,
		    const struct layer_metadata *metadata, struct error *err)
{
	const char *target = archive_entry_symlink(entry);
	if (!target || !*target)
		return error_set(err, ERROR_INVALID, "a symbolic link without a target");
	if (strlen(target) >= PATH_MAX)
		return error_set(err, ERROR_LIMIT, "a symbolic link with a target of more than %d bytes", PATH_MAX - 1);
	if (symlinkat(target, parent->fd, name) < 0) {
		if (errno != EEXIST)
			return error_set_errno(err, errno, "make the symbolic link");
		if (remove_old(parent, name, err) < 0)
			return -1;
		if (symlinkat(target, parent->fd, name) < 0)
			return error_set_errno(err, errno, "make the symbolic link");
	}
	return finish_without_fd(parent, name, metadata, err);
}

static int make_node(struct layer_parent *parent, const char *name, mode_t mode, dev_t device, struct error *err)
{
	if (mknodat(parent->fd, name, mode, device) == 0)
		return 0;
	if (errno == EEXIST) {
		if (remove_old(parent, name, err) < 0)
			return -1;
		if (mknodat(parent->fd, name, mode, device) == 0)
			return 0;
	}
	return error_set_errno(err, errno, "make the device file");
}

int layer_make_device(struct layer_parent *parent, const char *name, struct archive_entry *entry,
		      const struct layer_metadata *metadata, struct error *err)
{
	mode_t type = archive_entry_filetype(entry);
	dev_t device = 0;
	if (type != S_IFIFO)
		device = makedev(archive_entry_rdevmajor(entry), archive_entry_rdevminor(entry));
	if (type == S_IFCHR && device == makedev(0, 0))
		return error_set(err, ERROR_INVALID,
				 "the character device 0/0 is overlayfs' mark for a removed file; "
				 "a layer says it by a name that begins with \"" WHITEOUT_PREFIX "\"");
	struct error why = {0};
	if (make_node(parent, name, type | 0600, device, &why) < 0) {
		/* Only the host's root may make devices; a container gets its own /dev anyway. */
		if (why.system_errno == EPERM && type != S_IFIFO)
			return 0;
		if (err)
			*err = why;
		return -1;
	}
	if (finish_without_fd(parent, name, metadata, err) < 0)
		return -1;
	/* By name, since a device is not opened: mknodat() has just made it and the folder is nobody else's. */
	if (fchmodat(parent->fd, name, metadata->mode, 0) < 0)
		return error_set_errno(err, errno, "set its mode");
	return 0;
}

int layer_make_whiteout(struct layer_parent *parent, const char *name, struct archive_entry *entry, struct error *err)
{
	/* Nobody sees its time, but one archive gives one tree. */
	struct timespec time = layer_entry_time(entry), times[2] = {time, time};
	if (mknodat(parent->fd, name, S_IFCHR, makedev(0, 0)) == 0)
		return utimensat(parent->fd, name, times, AT_SYMLINK_NOFOLLOW) < 0
			       ? error_set_errno(err, errno, "set the time of the whiteout")
			       : 0;
	if (errno != EEXIST)
		return error_set_errno(err, errno, "make the whiteout");
	/*
	 * The layer itself has something of that name. It hides what is below, except that a folder is merged with the
	 * one below, unless it is opaque.
	 */
	cleanup_close int folder = openat(parent->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return errno == ENOTDIR || errno == ELOOP ? 0 : error_set_errno(err, errno, "open the folder");
	return layer_set_opaque(folder, err);
}

int layer_make_folder(struct layer_parent *parent, const char *name, struct archive_entry *entry,
		      const struct layer_metadata *metadata, int *ret_fd, struct error *err)
{
	bool was_whiteout = false, is_new = mkdirat(parent->fd, name, 0700) == 0;
	if (!is_new && errno != EEXIST)
		return error_set_errno(err, errno, "make the folder");
	cleanup_close int fd = openat(parent->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && !is_new && (errno == ENOTDIR || errno == ELOOP)) {
		was_whiteout = layer_is_whiteout(parent->fd, name);
		if (remove_old(parent, name, err) < 0)
			return -1;
		if (mkdirat(parent->fd, name, 0700) < 0)
			return error_set_errno(err, errno, "make the folder");
		is_new = true;
		fd = openat(parent->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return error_set_errno(err, errno, "open the folder");
	if (was_whiteout && layer_set_opaque(fd, err) < 0)
		return -1;
	if (layer_metadata_apply(metadata, entry, fd, is_new && owner_comes_right(parent, metadata), err) < 0)
		return -1;
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int not_in_layer(const char *target, struct error *err)
{
	char text[256];
	layer_path_printable(target, text);
	return error_set(err, ERROR_INVALID, "a hard link to \"%s\", which is not in this layer", text);
}

int layer_make_hard_link(struct layer_parent *parent, const char *name, const char *target, struct error *err)
{
	char path[PATH_MAX];
	const char *target_parent, *target_name;
	if (layer_path_clean(target, path, err) < 0)
		return error_wrap(err, "the target of a hard link");
	layer_path_split(path, &target_parent, &target_name);
	cleanup_close int folder =
		open_in_root(parent->root_fd, *target_parent ? target_parent : ".", O_PATH | O_DIRECTORY, 0);
	struct stat status, old;
	if (!*target_name || folder < 0 || fstatat(folder, target_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return not_in_layer(target, err);
	if (S_ISDIR(status.st_mode))
		return error_set(err, ERROR_INVALID, "a hard link to a folder");
	/* A whiteout says that the file is gone. */
	if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0))
		return not_in_layer(target, err);
	if (linkat(folder, target_name, parent->fd, name, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return error_set_errno(err, errno, "make the hard link");
	if (fstatat(parent->fd, name, &old, AT_SYMLINK_NOFOLLOW) == 0 && old.st_dev == status.st_dev &&
	    old.st_ino == status.st_ino)
		return 0;
	if (remove_old(parent, name, err) < 0)
		return -1;
	if (linkat(folder, target_name, parent->fd, name, 0) < 0)
		return errno == ENOENT ? not_in_layer(target, err) : error_set_errno(err, errno, "make the hard link");
	return 0;
}
