/*
 * Unpacking a layer. The archive is somebody else's, so three things hold for each entry:
 *   - its name is made clean, and ".." is refused (layer_path.h);
 *   - its folder is opened by the kernel with the layer as root, so that no link leads out (layer_parent.h);
 *   - the last step never follows: O_EXCL, O_NOFOLLOW, *at() calls; an older thing of that name is removed
 *     (layer_entry.h).
 *
 * A whiteout speaks of the layers below, never of files of the same layer, in whichever order they come: overlayfs has
 * one name for both, so where a layer has a whiteout and a file of one name, the file stays, and a folder becomes
 * opaque.
 *
 * Times of folders are set last, since each file that is put into a folder changes them. What waits is bounded.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "archive/layer.h"
#include "archive/layer_entry.h"
#include "archive/layer_path.h"
#include "base/fd.h"

#define WAITING_BYTES_LIMIT ((size_t)128 * 1024 * 1024)

struct waiting_time {
	char *path;
	struct timespec time;
};

struct apply {
	struct tar_reader *reader;
	struct layer_parent parent;
	struct layer_limits limits;
	struct layer_totals totals;
	struct waiting_time *waiting;
	size_t waiting_count;
	size_t waiting_allocated;
	size_t waiting_bytes;
	char path[PATH_MAX]; /* of the entry */
	char split[PATH_MAX];
};

static void apply_release(struct apply *apply)
{
	tar_reader_free(apply->reader);
	layer_parent_release(&apply->parent);
	for (size_t i = 0; i < apply->waiting_count; i++)
		free(apply->waiting[i].path);
	free(apply->waiting);
}

static int wait_for_time(struct apply *apply, const char *path, struct timespec time, struct error *err)
{
	apply->waiting_bytes += sizeof *apply->waiting + strlen(path) + 1;
	if (apply->waiting_bytes > WAITING_BYTES_LIMIT)
		return error_set(err, ERROR_LIMIT, "the layer has too many folders");
	if (apply->waiting_count == apply->waiting_allocated) {
		apply->waiting_allocated = apply->waiting_allocated ? apply->waiting_allocated * 2 : 64;
		apply->waiting = reallocate_array(apply->waiting, apply->waiting_allocated, sizeof *apply->waiting);
	}
	apply->waiting[apply->waiting_count++] = (struct waiting_time){duplicate_string(path), time};
	return 0;
}

/* Opens the folder of an entry. Those that no entry named have its time, so that one archive gives one tree. */
static int open_parent(struct apply *apply, const char *path, struct archive_entry *entry, struct error *err)
{
	char made[PATH_MAX];
	uint64_t before = apply->parent.made;
	if (layer_parent_open(&apply->parent, path, err) < 0)
		return -1;
	if (apply->parent.made == before)
		return 0;
	memcpy(made, path, strlen(path) + 1);
	for (uint64_t count = apply->parent.made - before; count > 0; count--) {
		if (wait_for_time(apply, made, layer_entry_time(entry), err) < 0)
			return -1;
		char *slash = strrchr(made, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	return 0;
}

static int set_waiting_times(struct apply *apply, struct error *err)
{
	for (size_t i = 0; i < apply->waiting_count; i++) {
		const char *path = apply->waiting[i].path;
		cleanup_close int fd =
			open_in_root(apply->parent.root_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
		/* A later entry has taken its place. */
		if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
			continue;
		struct timespec times[2] = {apply->waiting[i].time, apply->waiting[i].time};
		if (fd < 0 || futimens(fd, times) < 0)
			return error_set_errno(err, errno, "set the time of a folder");
	}
	return 0;
}

static int count_bytes(struct apply *apply, struct archive_entry *entry, struct error *err)
{
	int64_t size = archive_entry_size(entry);
	if (size < 0)
		return error_set(err, ERROR_CORRUPT, "damaged tar archive: a negative size");
	if ((uint64_t)size > apply->limits.bytes - apply->totals.bytes)
		return error_set(err, ERROR_LIMIT, "the layer's files are larger than %" PRIu64 " bytes",
				 apply->limits.bytes);
	apply->totals.bytes += (uint64_t)size;
	return 0;
}

static int apply_root(struct apply *apply, struct archive_entry *entry, const struct layer_metadata *metadata,
		      struct error *err)
{
	if (archive_entry_hardlink(entry) || archive_entry_filetype(entry) != S_IFDIR)
		return error_set(err, ERROR_INVALID, "the layer's root has to be a folder");
	if (layer_parent_open(&apply->parent, "", err) < 0 ||
	    layer_metadata_apply(metadata, entry, apply->parent.fd, false, err) < 0)
		return -1;
	apply->parent.gives_group = metadata->mode & S_ISGID;
	return wait_for_time(apply, apply->path, metadata->times[0], err);
}

static int apply_folder(struct apply *apply, const char *name, struct archive_entry *entry,
			const struct layer_metadata *metadata, struct error *err)
{
	int fd = -1;
	if (layer_make_folder(&apply->parent, name, entry, metadata, &fd, err) < 0)
		return -1;
	/* Its files come next, as a rule. */
	layer_parent_enter(&apply->parent, apply->path, fd, metadata->mode);
	return wait_for_time(apply, apply->path, metadata->times[0], err);
}

static int apply_plain(struct apply *apply, const char *name, struct archive_entry *entry, struct error *err)
{
	struct layer_metadata metadata;
	if (layer_metadata_read(entry, &metadata, err) < 0)
		return -1;
	if (!*apply->path)
		return apply_root(apply, entry, &metadata, err);
	const char *target = archive_entry_hardlink(entry);
	if (target)
		return layer_make_hard_link(&apply->parent, name, target, err);
	switch (archive_entry_filetype(entry)) {
	case S_IFREG:
		if (count_bytes(apply, entry, err) < 0)
			return -1;
		return layer_make_file(&apply->parent, name, entry, &metadata, apply->reader, err);
	case S_IFDIR:
		return apply_folder(apply, name, entry, &metadata, err);
	case S_IFLNK:
		return layer_make_link(&apply->parent, name, entry, &metadata, err);
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
		return layer_make_device(&apply->parent, name, entry, &metadata, err);
	default:
		return error_set(err, ERROR_INVALID, "it is neither file, folder, link nor device");
	}
}

static int apply_clean(struct apply *apply, struct archive_entry *entry, struct error *err)
{
	enum layer_name kind;
	const char *parent, *name;
	if (layer_path_classify(apply->path, &kind, err) < 0)
		return -1;
	if (kind == LAYER_NAME_IGNORED)
		return 0;
	memcpy(apply->split, apply->path, strlen(apply->path) + 1);
	layer_path_split(apply->split, &parent, &name);
	if (open_parent(apply, parent, entry, err) < 0)
		return -1;
	if (kind == LAYER_NAME_OPAQUE)
		return layer_set_opaque(apply->parent.fd, err);
	if (kind == LAYER_NAME_WHITEOUT)
		return layer_make_whiteout(&apply->parent, name + strlen(WHITEOUT_PREFIX), entry, err);
	return apply_plain(apply, name, entry, err);
}

static int apply_entry(struct apply *apply, struct archive_entry *entry, struct error *err)
{
	const char *name = archive_entry_pathname(entry);
	if (!name)
		return error_set(err, ERROR_CORRUPT, "damaged tar archive: an entry without a name");
	apply->totals.entries++;
	if (apply->totals.entries + apply->parent.made > apply->limits.entries)
		return error_set(err, ERROR_LIMIT, "the layer has more than %" PRIu64 " entries",
				 apply->limits.entries);
	if (layer_path_clean(name, apply->path, err) == 0 && apply_clean(apply, entry, err) == 0)
		return 0;
	char text[256];
	layer_path_printable(name, text);
	return error_wrap(err, "\"%s\"", text);
}

static int apply_all(struct apply *apply, const struct source *tar, struct error *err)
{
	struct archive_entry *entry;
	int more;
	if (tar_reader_new(tar, &apply->reader, err) < 0)
		return -1;
	while ((more = tar_reader_next(apply->reader, &entry, err)) > 0)
		if (apply_entry(apply, entry, err) < 0)
			return -1;
	if (more < 0 || tar_reader_drain(apply->reader, err) < 0)
		return -1;
	return set_waiting_times(apply, err);
}

int layer_apply(const struct source *tar, int folder_fd, const struct layer_limits *limits,
		struct layer_totals *ret_totals, struct error *err)
{
	struct apply *apply = allocate(sizeof *apply);
	layer_parent_init(&apply->parent, folder_fd);
	apply->limits.bytes = limits && limits->bytes ? limits->bytes : LAYER_DEFAULT_BYTES;
	apply->limits.entries = limits && limits->entries ? limits->entries : LAYER_DEFAULT_ENTRIES;
	int result = apply_all(apply, tar, err);
	if (result < 0) {
		error_wrap(err, "unpack the layer");
	} else if (ret_totals) {
		apply->totals.replaced = apply->parent.replaced;
		*ret_totals = apply->totals;
	}
	apply_release(apply);
	free(apply);
	return result;
}
