#include "build/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "archive/compression.h"
#include "archive/layer.h"
#include "base/fd.h"
#include "base/interrupt.h"
#include "build/path.h"
#include "build/unpack.h"
#include "store/layer_folder.h"

struct hard_link {
	dev_t device;
	ino_t inode;
	char *path; /* in the target, where the first copy is */
};

/* A folder that --parents made; its times are set last, since each file in it changes them. */
struct made_parent {
	char *source;
	char *path; /* in the target */
};

struct copier {
	const struct copy_request *request;
	const struct content_root *from; /* the request's, or an unpacked archive */
	struct hard_link *links;
	size_t link_count;
	struct made_parent *parents;
	size_t parent_count;
	const char *destination; /* of the source that is copied */
	struct error *err;
};

static const char *below(const char *path)
{
	path += strspn(path, "/");
	return path[0] ? path : ".";
}

int copy_make_folders(int root_fd, const char *path, const struct owner *owner, bool *ret_made, struct error *err)
{
	cleanup_free char *clean = path_resolve("/", path);
	cleanup_close int folder = open_in_root(root_fd, ".", O_PATH | O_DIRECTORY, 0);
	if (ret_made)
		*ret_made = false;
	for (char *at = clean + 1; at[-1] && at[0];) {
		size_t length = strcspn(at, "/");
		char kept = at[length];
		at[length] = '\0';
		int next = open_in_root(root_fd, clean + 1, O_PATH | O_DIRECTORY, 0);
		if (next < 0 && errno == ENOENT) {
			if (mkdirat(folder, at, 0755) < 0)
				return errno == EEXIST
					       ? error_set(err, ERROR_INVALID, "%s is a link that leads nowhere", clean)
					       : error_set_errno(err, errno, "make folder %s", clean);
			next = open_in_root(root_fd, clean + 1, O_RDONLY | O_DIRECTORY, 0);
			/* Regardless of our umask. */
			if (next >= 0 &&
			    (fchmod(next, 0755) < 0 || (owner && fchown(next, owner->user, owner->group) < 0))) {
				close(next);
				return error_set_errno(err, errno, "set up folder %s", clean);
			}
			if (ret_made)
				*ret_made = true;
		}
		if (next < 0)
			return error_set_errno(err, errno, "open folder %s", clean);
		close(folder);
		folder = next;
		at[length] = kept;
		at += length + (kept != '\0');
	}
	return 0;
}

/* Attributes that belong to the file: not overlayfs' own, not the host's labels. */
static int copy_attributes(struct copier *copier, int from_fd, int to_fd, const char *path)
{
	char names[8192], value[65536];
	ssize_t size = flistxattr(from_fd, names, sizeof names);
	for (ssize_t at = 0; at < size; at += (ssize_t)strlen(names + at) + 1) {
		const char *name = names + at;
		if (strncmp(name, "trusted.", 8) == 0 || strcmp(name, "security.selinux") == 0)
			continue;
		ssize_t length = fgetxattr(from_fd, name, value, sizeof value);
		if (length >= 0 && fsetxattr(to_fd, name, value, (size_t)length, 0) < 0 && errno != EOPNOTSUPP)
			return error_set_errno(copier->err, errno, "set attribute %s of %s", name, path);
	}
	return 0;
}

static struct owner owner_of(const struct copier *copier, const struct stat *status)
{
	if (copier->request->has_owner)
		return copier->request->owner;
	if (copier->from && copier->from->keep_owners)
		return (struct owner){status->st_uid, status->st_gid};
	return (struct owner){0, 0};
}

static struct timespec time_of(const struct copier *copier, const struct stat *status)
{
	/* What an archive holds has the archive's times, which are part of it. */
	bool is_given = copier->request->time && !(copier->from && copier->from->keep_owners);
	const struct timespec given = {.tv_sec = copier->request->time};
	return is_given ? given : status->st_mtim;
}

static int set_metadata(struct copier *copier, int from_fd, int to_fd, const struct stat *status, const char *path)
{
	struct owner owner = owner_of(copier, status);
	mode_t mode = copier->request->has_mode ? copier->request->mode : status->st_mode & 07777;
	const struct timespec time = time_of(copier, status), times[2] = {time, time};
	/* The owner first: a change of it takes setuid bits and capabilities away. */
	if (fchown(to_fd, owner.user, owner.group) < 0 || fchmod(to_fd, mode) < 0)
		return error_set_errno(copier->err, errno, "set owner and mode of %s", path);
	if (from_fd >= 0 && copier->from && copier->from->keep_owners &&
	    copy_attributes(copier, from_fd, to_fd, path) < 0)
		return -1;
	if (futimens(to_fd, times) < 0)
		return error_set_errno(copier->err, errno, "set times of %s", path);
	return 0;
}

/* Makes room for a file, link or device: whatever is there goes, but for a folder. */
static int clear_target(struct copier *copier, int folder_fd, const char *name, const char *path)
{
	if (unlinkat(folder_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno == EISDIR)
		return error_set(copier->err, ERROR_CONFLICT, "cannot copy a file over the folder %s", path);
	return error_set_errno(copier->err, errno, "replace %s", path);
}

static int open_new_file(struct copier *copier, int folder_fd, const char *name, const char *path)
{
	if (clear_target(copier, folder_fd, name, path) < 0)
		return -1;
	int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(copier->err, errno, "create %s", path);
	return fd;
}

static int fill_file(struct copier *copier, int from_fd, int to_fd, const struct stat *status, const char *path)
{
	if (copy_file_data(from_fd, to_fd, copier->err) < 0)
		return error_wrap(copier->err, "%s", path);
	return set_metadata(copier, from_fd, to_fd, status, path);
}

/* Two names of one file stay two names of one file. Returns 1 where that was done. */
static int try_hard_link(struct copier *copier, int folder_fd, const char *name, const char *path,
			 const struct stat *status)
{
	if (status->st_nlink < 2)
		return 0;
	for (size_t i = 0; i < copier->link_count; i++) {
		const struct hard_link *link = &copier->links[i];
		if (link->device != status->st_dev || link->inode != status->st_ino)
			continue;
		if (clear_target(copier, folder_fd, name, path) < 0)
			return -1;
		if (linkat(copier->request->root_fd, below(link->path), folder_fd, name, 0) < 0)
			return error_set_errno(copier->err, errno, "link %s to %s", path, link->path);
		return 1;
	}
	copier->links = reallocate_array(copier->links, copier->link_count + 1, sizeof *copier->links);
	copier->links[copier->link_count++] =
		(struct hard_link){status->st_dev, status->st_ino, duplicate_string(path)};
	return 0;
}

static int copy_link(struct copier *copier, int from_folder, const char *from_name, int folder_fd, const char *name,
		     const char *path, const struct stat *status)
{
	char target[4096];
	ssize_t length = readlinkat(from_folder, from_name, target, sizeof target - 1);
	if (length < 0)
		return error_set_errno(copier->err, errno, "read link %s", from_name);
	target[length] = '\0';
	if (clear_target(copier, folder_fd, name, path) < 0)
		return -1;
	struct owner owner = owner_of(copier, status);
	const struct timespec time = time_of(copier, status), times[2] = {time, time};
	if (symlinkat(target, folder_fd, name) < 0 ||
	    fchownat(folder_fd, name, owner.user, owner.group, AT_SYMLINK_NOFOLLOW) < 0 ||
	    utimensat(folder_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set_errno(copier->err, errno, "make link %s", path);
	return 0;
}

static int copy_device(struct copier *copier, int folder_fd, const char *name, const char *path,
		       const struct stat *status)
{
	if (S_ISCHR(status->st_mode) && status->st_rdev == 0)
		return error_set(copier->err, ERROR_INVALID, "%s: a whiteout (\".wh.\" file) cannot be copied", path);
	if (clear_target(copier, folder_fd, name, path) < 0)
		return -1;
	struct owner owner = owner_of(copier, status);
	mode_t mode = copier->request->has_mode ? copier->request->mode : status->st_mode & 07777;
	if (mknodat(folder_fd, name, (status->st_mode & S_IFMT) | 0600, status->st_rdev) < 0 ||
	    fchownat(folder_fd, name, owner.user, owner.group, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(folder_fd, name, mode, 0) < 0)
		return error_set_errno(copier->err, errno, "make %s", path);
	return 0;
}

static int copy_folder(struct copier *copier, int from_fd, const char *real_path, size_t skip, int to_fd,
		       const char *path, unsigned depth);

/* The folder of that name in the target, made where it is missing; through a link that leads to a folder. */
static int open_target_folder(struct copier *copier, int folder_fd, const char *name, const char *path, bool *ret_made)
{
	struct stat status;
	*ret_made = false;
	if (fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
		int fd = open_in_root(copier->request->root_fd, below(path), O_RDONLY | O_DIRECTORY, 0);
		if (fd >= 0)
			return fd;
		if (errno == ENOTDIR)
			return error_set(copier->err, ERROR_CONFLICT, "cannot copy a folder over the file %s", path);
		return error_set_errno(copier->err, errno, "open folder %s", path);
	}
	*ret_made = true;
	if (mkdirat(folder_fd, name, 0700) < 0)
		return error_set_errno(copier->err, errno, "make folder %s", path);
	int fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(copier->err, errno, "open folder %s", path);
	return fd;
}

static int copy_entry(struct copier *copier, int from_folder, const char *name, const char *real_path, size_t skip,
		      int to_fd, const char *path, unsigned depth)
{
	bool may_enter = true;
	bool visible = content_is_visible(copier->from, real_path, &may_enter);
	visible = visible && !content_is_excluded(copier->from, real_path + skip);
	may_enter = may_enter && (!copier->from->exclude || !content_is_excluded(copier->from, real_path + skip) ||
				  ignore_may_hold_exceptions(copier->from->exclude, real_path + skip));
	struct stat status;
	if (!visible && !may_enter)
		return 0;
	if (interrupt_check(copier->err) < 0)
		return -1;
	if (fstatat(from_folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set_errno(copier->err, errno, "stat %s", name);
	if (S_ISSOCK(status.st_mode) || (!visible && !S_ISDIR(status.st_mode)))
		return 0;
	if (S_ISLNK(status.st_mode))
		return copy_link(copier, from_folder, name, to_fd, name, path, &status);
	if (S_ISDIR(status.st_mode)) {
		bool made;
		cleanup_close int from = openat(from_folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (from < 0)
			return error_set_errno(copier->err, errno, "open folder %s", name);
		if (!visible && !content_holds_exceptions(copier->from, from, real_path, skip))
			return 0;
		cleanup_close int to = open_target_folder(copier, to_fd, name, path, &made);
		if (to < 0 || copy_folder(copier, from, real_path, skip, to, path, depth + 1) < 0)
			return -1;
		return set_metadata(copier, from, to, &status, path);
	}
	if (!S_ISREG(status.st_mode))
		return copy_device(copier, to_fd, name, path, &status);
	int linked = try_hard_link(copier, to_fd, name, path, &status);
	if (linked != 0)
		return linked < 0 ? -1 : 0;
	cleanup_close int from = openat(from_folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (from < 0 || fstat(from, &status) < 0 || !S_ISREG(status.st_mode))
		return error_set_errno(copier->err, errno, "open %s", name);
	cleanup_close int to = open_new_file(copier, to_fd, name, path);
	return to < 0 ? -1 : fill_file(copier, from, to, &status, path);
}

static int copy_folder(struct copier *copier, int from_fd, const char *real_path, size_t skip, int to_fd,
		       const char *path, unsigned depth)
{
	if (depth > CONTENT_DEPTH_LIMIT)
		return error_set(copier->err, ERROR_LIMIT, "folders are more than %d deep", CONTENT_DEPTH_LIMIT);
	cleanup_string_list struct string_list names = {0};
	if (content_list_folder(from_fd, &names, copier->err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		cleanup_free char *real = format_string("%s%s%s", real_path, real_path[0] ? "/" : "", names.items[i]);
		cleanup_free char *target = format_string("%s/%s", strcmp(path, "/") == 0 ? "" : path, names.items[i]);
		if (copy_entry(copier, from_fd, names.items[i], real, skip, to_fd, target, depth) < 0)
			return -1;
	}
	return 0;
}

/* Where a single file goes. A link at the very end is followed, inside of the root. */
static int open_target_file(struct copier *copier, const char *path)
{
	int root_fd = copier->request->root_fd;
	cleanup_free char *parent = path_resolve(path, "..");
	cleanup_close int folder = open_in_root(root_fd, below(parent), O_PATH | O_DIRECTORY, 0);
	if (folder < 0)
		return error_set_errno(copier->err, errno, "open folder %s", parent);
	const char *name = strrchr(path, '/') + 1;
	struct stat status;
	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISLNK(status.st_mode))
		return open_new_file(copier, folder, name, path);
	int fd = open_in_root(root_fd, below(path), O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY, 0600);
	if (fd < 0)
		return error_set_errno(copier->err, errno, "open %s", path);
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || ftruncate(fd, 0) < 0) {
		close(fd);
		return error_set(copier->err, ERROR_INVALID, "%s does not lead to a regular file", path);
	}
	return fd;
}

static bool is_folder(int root_fd, const char *path)
{
	cleanup_close int fd = open_in_root(root_fd, below(path), O_PATH | O_DIRECTORY, 0);
	return fd >= 0;
}

static bool names_folder(const char *destination)
{
	size_t length = strlen(destination);
	if (length == 0 || destination[length - 1] == '/')
		return true;
	const char *last = strrchr(destination, '/');
	last = last ? last + 1 : destination;
	return strcmp(last, ".") == 0 || strcmp(last, "..") == 0;
}

/* The file's own path for a source called `name`, its folder made. Owned by the caller. */
static int place_file(struct copier *copier, const char *name, char **ret_path)
{
	const struct copy_request *request = copier->request;
	cleanup_free char *path = path_resolve("/", copier->destination);
	if (names_folder(copier->destination) || is_folder(request->root_fd, path)) {
		cleanup_free char *folder = steal_pointer(&path);
		path = path_resolve(folder, name);
	}
	cleanup_free char *parent = path_resolve(path, "..");
	const struct owner *owner = request->has_owner ? &request->owner : NULL;
	if (copy_make_folders(request->root_fd, parent, owner, NULL, copier->err) < 0)
		return -1;
	*ret_path = steal_pointer(&path);
	return 0;
}

/* The contents of a folder go into the destination. */
static int copy_source_folder(struct copier *copier, int from_fd, const char *real_path, const struct stat *status)
{
	const struct copy_request *request = copier->request;
	cleanup_free char *path = path_resolve("/", copier->destination);
	const struct owner *owner = request->has_owner ? &request->owner : NULL;
	bool exists = is_folder(request->root_fd, path);
	if (copy_make_folders(request->root_fd, path, owner, NULL, copier->err) < 0)
		return -1;
	cleanup_close int to = open_in_root(request->root_fd, below(path), O_RDONLY | O_DIRECTORY, 0);
	if (to < 0)
		return error_set_errno(copier->err, errno, "open folder %s", path);
	if (copy_folder(copier, from_fd, real_path, strlen(real_path) + (real_path[0] != '\0'), to, path, 0) < 0)
		return -1;
	return exists || !status ? 0 : set_metadata(copier, from_fd, to, status, path);
}

/* 1: it was an archive and is unpacked. */
static int add_archive(struct copier *copier, int fd, const char *name)
{
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	int got = unpack_archive(copier->request->store_root_fd, fd, name, &staging, copier->err);
	if (got != 1)
		return got;
	struct content_root unpacked = {.fd = staging.folder_fd, .keep_owners = true};
	const struct content_root *from = copier->from;
	copier->from = &unpacked;
	int result = copy_source_folder(copier, staging.folder_fd, "", NULL);
	copier->from = from;
	return result < 0 ? -1 : 1;
}

/* Makes the folders of `source` from `relative`, which is its end, below the destination. */
static int make_parents(struct copier *copier, const char *source, const char *relative)
{
	const struct copy_request *request = copier->request;
	for (const char *slash = strchr(relative, '/'); slash; slash = strchr(slash + 1, '/')) {
		cleanup_free char *part = format_string("%.*s", (int)(slash - relative), relative);
		cleanup_free char *path = path_resolve(request->destination, part);
		if (is_folder(request->root_fd, path))
			continue;
		if (copy_make_folders(request->root_fd, path, NULL, NULL, copier->err) < 0)
			return -1;
		copier->parents = reallocate_array(copier->parents, copier->parent_count + 1, sizeof *copier->parents);
		copier->parents[copier->parent_count++] = (struct made_parent){
			.source = format_string("%.*s", (int)(slash - source), source), .path = steal_pointer(&path)};
	}
	return 0;
}

static int finish_parents(struct copier *copier)
{
	for (size_t i = copier->parent_count; i-- > 0;) {
		const struct made_parent *parent = &copier->parents[i];
		cleanup_close int from = -1;
		cleanup_free char *real = NULL;
		struct stat status;
		if (content_open(copier->from, parent->source, &from, &status, &real, copier->err) < 0)
			return -1;
		cleanup_close int to =
			open_in_root(copier->request->root_fd, below(parent->path), O_RDONLY | O_DIRECTORY, 0);
		if (to < 0)
			return error_set_errno(copier->err, errno, "open folder %s", parent->path);
		if (set_metadata(copier, from, to, &status, parent->path) < 0)
			return -1;
	}
	return 0;
}

static int copy_source(struct copier *copier, const char *source);

static int copy_with_parents(struct copier *copier, const char *source)
{
	const char *pivot = strstr(source, "/./");
	const char *relative = pivot ? pivot + 3 : source;
	const char *name = strrchr(relative, '/');
	cleanup_close int fd = -1;
	cleanup_free char *real = NULL;
	struct stat status;
	if (make_parents(copier, source, relative) < 0 ||
	    content_open(copier->from, source, &fd, &status, &real, copier->err) < 0)
		return -1;
	int length = S_ISDIR(status.st_mode) ? (int)strlen(relative) : name ? (int)(name - relative) : 0;
	cleanup_free char *destination = format_string("%s/%.*s/", copier->request->destination, length, relative);
	copier->destination = destination;
	int result = copy_source(copier, source);
	copier->destination = copier->request->destination;
	return result;
}

static int copy_source(struct copier *copier, const char *source)
{
	cleanup_close int fd = -1;
	cleanup_free char *real = NULL, *path = NULL;
	struct stat status;
	if (content_open(copier->from, source, &fd, &status, &real, copier->err) < 0)
		return -1;
	if (S_ISDIR(status.st_mode))
		return copy_source_folder(copier, fd, real, &status);
	const char *name = strrchr(source, '/');
	name = name ? name + 1 : source;
	if (content_is_excluded(copier->from, name))
		return 0;
	if (!S_ISREG(status.st_mode))
		return error_set(copier->err, ERROR_INVALID, "/%s is neither a file nor a folder", source);
	if (copier->request->unpacks) {
		int unpacked = add_archive(copier, fd, name);
		if (unpacked != 0)
			return unpacked < 0 ? -1 : 0;
		if (lseek(fd, 0, SEEK_SET) < 0)
			return error_set_errno(copier->err, errno, "seek in %s", name);
	}
	if (place_file(copier, name, &path) < 0)
		return -1;
	cleanup_close int to = open_target_file(copier, path);
	return to < 0 ? -1 : fill_file(copier, fd, to, &status, path);
}

static int copy_text(struct copier *copier, const struct copy_text *text)
{
	cleanup_free char *path = NULL;
	if (place_file(copier, text->name, &path) < 0)
		return -1;
	cleanup_close int to = open_target_file(copier, path);
	/* A fixed time: the same text gives the same layer. */
	struct stat status = {.st_mode = S_IFREG | 0644};
	if (to < 0 || write_full(to, text->content, strlen(text->content), copier->err) < 0)
		return -1;
	return set_metadata(copier, -1, to, &status, path);
}

static int copy_file(struct copier *copier, const struct copy_file *file)
{
	cleanup_free char *path = NULL;
	if (file->unpacks) {
		int unpacked = add_archive(copier, file->fd, file->name);
		if (unpacked != 0)
			return unpacked < 0 ? -1 : 0;
	}
	if (lseek(file->fd, 0, SEEK_SET) < 0)
		return error_set_errno(copier->err, errno, "seek in %s", file->name);
	if (place_file(copier, file->name, &path) < 0)
		return -1;
	cleanup_close int to = open_target_file(copier, path);
	struct stat status = {.st_mode = S_IFREG | 0600, .st_mtim = {.tv_sec = file->modified}};
	if (to < 0)
		return -1;
	if (copy_file_data(file->fd, to, copier->err) < 0)
		return error_wrap(copier->err, "%s", path);
	return set_metadata(copier, -1, to, &status, path);
}

static int copy_tree(struct copier *copier, const struct content_root *tree)
{
	const struct content_root *from = copier->from;
	struct stat status;
	if (fstat(tree->fd, &status) < 0)
		return error_set_errno(copier->err, errno, "stat a folder of files");
	copier->from = tree;
	int result = copy_source_folder(copier, tree->fd, "", &status);
	copier->from = from;
	return result;
}

static int copy_all(struct copier *copier)
{
	const struct copy_request *request = copier->request;
	size_t count = (request->sources ? request->sources->count : 0) + request->text_count + request->file_count +
		       request->tree_count;
	if ((request->needs_folder || count > 1) && !request->keeps_parents && !names_folder(request->destination) &&
	    (request->needs_folder || !is_folder(request->root_fd, request->destination)))
		return error_set(copier->err, ERROR_INVALID,
				 "When using %s with more than one source file, the destination must be a directory "
				 "and end with a /",
				 request->instruction);
	int (*copy)(struct copier *, const char *) = request->keeps_parents ? copy_with_parents : copy_source;
	for (size_t i = 0; request->sources && i < request->sources->count; i++)
		if (copy(copier, request->sources->items[i]) < 0)
			return -1;
	for (size_t i = 0; i < request->file_count; i++)
		if (copy_file(copier, &request->files[i]) < 0)
			return -1;
	for (size_t i = 0; i < request->tree_count; i++)
		if (copy_tree(copier, &request->trees[i]) < 0)
			return -1;
	for (size_t i = 0; i < request->text_count; i++)
		if (copy_text(copier, &request->texts[i]) < 0)
			return -1;
	return finish_parents(copier);
}

int copy_files(const struct copy_request *request, struct error *err)
{
	struct copier copier = {
		.request = request, .from = request->from, .destination = request->destination, .err = err};
	int result = copy_all(&copier);
	for (size_t i = 0; i < copier.parent_count; i++) {
		free(copier.parents[i].source);
		free(copier.parents[i].path);
	}
	free(copier.parents);
	for (size_t i = 0; i < copier.link_count; i++)
		free(copier.links[i].path);
	free(copier.links);
	return result;
}
