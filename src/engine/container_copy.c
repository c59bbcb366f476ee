/*
 * Both ends are descriptors; between them is a tar archive in a pipe: a forked child packs, we unpack. So "-" is the
 * same thing with one end less, and no file is ever held in memory.
 */
#include "engine/container_copy.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "archive/compression.h"
#include "archive/tree.h"
#include "base/fd.h"
#include "build/path.h"
#include "engine/container_copy_place.h"
#include "engine/container_root.h"
#include "engine/events.h"
#include "engine/pack_pipe.h"
#include "runtime/user.h"

/* Where things go, and under which name. */
struct target {
	int folder_fd;	/* borrowed */
	const char *as; /* "": only the contents, into the folder itself */
};

static int not_found(const struct container_copy *copy, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "Could not find the file %s in container %s", copy->path,
			 copy->container);
}

static int find_in_container(const struct container_copy *copy, const struct container_root *root, bool follows,
			     struct place *ret_place, struct error *err)
{
	if (place_find(root->fd, copy->path, follows, ret_place, err) == 0)
		return 0;
	return err->kind == ERROR_NOT_FOUND ? not_found(copy, err) : -1;
}

/* Docker shows host paths whole. */
static char *whole_path(const char *path)
{
	char here[PATH_MAX];
	if (path[0] == '/' || !getcwd(here, sizeof here))
		return duplicate_string(path);
	return path_resolve(here, path);
}

static int choose_target(const struct place *source, const struct place *to, struct target *ret_target,
			 struct error *err)
{
	bool is_folder = S_ISDIR(source->status.st_mode);
	if (to->fd >= 0 && S_ISDIR(to->status.st_mode)) {
		*ret_target = (struct target){to->fd, source->only_contents ? "" : source->first_name};
		return 0;
	}
	if (to->fd >= 0 && is_folder)
		return error_set(err, ERROR_INVALID, "cannot copy directory");
	if (to->fd >= 0 && to->must_be_folder)
		return error_set(err, ERROR_INVALID, "not a directory");
	if (to->fd < 0 && to->must_be_folder && !is_folder)
		return error_set(err, ERROR_NOT_FOUND, "no such directory");
	*ret_target = (struct target){to->folder_fd, to->name};
	return 0;
}

struct counted {
	struct container_copy *copy;
	struct source from;
	struct sink to;
};

static void count(struct container_copy *copy, size_t size)
{
	copy->bytes += size;
	if (copy->progress)
		copy->progress(copy->context, copy->bytes);
}

static ssize_t read_counted(void *context, void *bytes, size_t size, struct error *err)
{
	struct counted *counted = context;
	ssize_t got = source_read(&counted->from, bytes, size, err);
	if (got > 0)
		count(counted->copy, (size_t)got);
	return got;
}

static int write_counted(void *context, const void *bytes, size_t size, struct error *err)
{
	struct counted *counted = context;
	count(counted->copy, size);
	return sink_write(&counted->to, bytes, size, err);
}

struct packing {
	int fd;
	const char *as;
};

static int pack(const void *context, const struct sink *tar, struct error *err)
{
	const struct packing *packing = context;
	return tree_pack(packing->fd, packing->as, tar, err);
}

static int transfer(struct container_copy *copy, const struct place *source, const struct target *target,
		    const struct tree_unpack_options *options, struct error *err)
{
	const struct packing packing = {source->fd, target->as};
	struct pack_pipe pipe;
	if (pack_pipe_start(pack, &packing, &pipe, err) < 0)
		return -1;
	struct counted counted = {.copy = copy, .from = source_from_fd(&pipe.fd)};
	const struct source tar = {.read = read_counted, .context = &counted};
	int result = tree_unpack(&tar, target->folder_fd, options, err);
	return pack_pipe_finish(&pipe, result, err);
}

static int copy_to_output(struct container_copy *copy, const struct place *source, struct error *err)
{
	const int output = STDOUT_FILENO;
	struct counted counted = {.copy = copy, .to = sink_to_fd(&output)};
	const struct sink tar = {write_counted, &counted};
	return tree_pack(source->fd, source->only_contents ? "" : source->first_name, &tar, err);
}

/* Docker's check of where things go on the host. */
static int find_on_host(const char *path, struct place *ret_place, struct error *err)
{
	cleanup_free char *whole = whole_path(path);
	if (place_find(-1, path, true, ret_place, err) < 0) {
		if (err->kind != ERROR_NOT_FOUND)
			return -1;
		cleanup_free char *folder = path_resolve(whole, "..");
		return error_set(err, ERROR_NOT_FOUND, "invalid output path: directory \"%s\" does not exist", folder);
	}
	if (ret_place->fd < 0 || S_ISDIR(ret_place->status.st_mode) || S_ISREG(ret_place->status.st_mode))
		return 0;
	bool is_device = S_ISCHR(ret_place->status.st_mode) || S_ISBLK(ret_place->status.st_mode);
	place_release(ret_place);
	return error_set(err, ERROR_INVALID,
			 "invalid output path: \"%s\" must be a directory or a regular file: got %s", whole,
			 is_device ? "a device" : "an irregular file");
}

int container_copy_from(struct engine *engine, struct container_copy *copy, struct error *err)
{
	cleanup_container_root struct container_root root;
	cleanup_place struct place source = PLACE_INIT, to = PLACE_INIT;
	struct target target;
	const struct tree_unpack_options options = {
		.has_owner = !copy->archive, .uid = geteuid(), .gid = getegid(), .is_untrusted = true};
	bool is_output = strcmp(copy->host_path, "-") == 0;
	container_root_init(&root);
	/* As Docker: where it goes is looked at first. */
	if ((!is_output && find_on_host(copy->host_path, &to, err) < 0) ||
	    container_root_open(engine, copy->container, &root, err) < 0 ||
	    find_in_container(copy, &root, copy->follows_link, &source, err) < 0)
		return -1;
	if (source.fd < 0 || archive_is_kernel_file_system(source.fd) ||
	    (source.must_be_folder && !S_ISDIR(source.status.st_mode)))
		return not_found(copy, err);
	event_container(engine, &root.record, "archive-path", NULL);
	if (is_output)
		return copy_to_output(copy, &source, err);
	if (choose_target(&source, &to, &target, err) < 0)
		return -1;
	return transfer(copy, &source, &target, &options, err);
}

/* What an archive of standard input goes into. */
static int copy_from_input(struct container_copy *copy, const struct place *to,
			   const struct tree_unpack_options *options, struct error *err)
{
	const int input = STDIN_FILENO;
	struct counted counted = {.copy = copy, .from = source_from_fd(&input)};
	const struct source tar = {.read = read_counted, .context = &counted};
	struct decompressor *decompressor = NULL;
	if (!S_ISDIR(to->status.st_mode))
		return error_set(err, ERROR_INVALID, "destination \"%s:%s\" must be a directory", copy->container,
				 copy->path);
	if (decompressor_new(&tar, &decompressor, err) < 0)
		return -1;
	const struct source plain = decompressor_source(decompressor);
	int result = tree_unpack(&plain, to->fd, options, err);
	decompressor_free(decompressor);
	return result;
}

static int find_source(const struct container_copy *copy, struct place *ret_source, struct error *err)
{
	cleanup_free char *whole = whole_path(copy->host_path);
	int result = place_find(-1, copy->host_path, copy->follows_link, ret_source, err);
	if (result < 0 && err->kind != ERROR_NOT_FOUND)
		return -1;
	if (result == 0 && ret_source->fd >= 0 && ret_source->must_be_folder && !S_ISDIR(ret_source->status.st_mode))
		return error_set(err, ERROR_INVALID, "not a directory");
	if (result < 0 || ret_source->fd < 0)
		return error_set(err, ERROR_NOT_FOUND, "lstat %s: no such file or directory", whole);
	return 0;
}

/* Destination, and whether it may be written. */
static int find_destination(const struct container_copy *copy, const struct container_root *root,
			    struct place *ret_place, struct error *err)
{
	if (find_in_container(copy, root, true, ret_place, err) < 0)
		return -1;
	bool is_folder = ret_place->fd >= 0 && S_ISDIR(ret_place->status.st_mode);
	if (ret_place->fd >= 0 && !is_folder && !S_ISREG(ret_place->status.st_mode))
		return error_set(err, ERROR_INVALID, "destination \"%s:%s\" must be a directory or regular file",
				 copy->container, copy->path);
	return container_root_check_writable(root, ret_place->fd >= 0 ? ret_place->fd : ret_place->folder_fd, err);
}

int container_copy_to(struct engine *engine, struct container_copy *copy, struct error *err)
{
	cleanup_container_root struct container_root root;
	cleanup_place struct place source = PLACE_INIT, to = PLACE_INIT;
	struct tree_unpack_options options = {.has_owner = copy->archive};
	struct target target;
	bool is_input = strcmp(copy->host_path, "-") == 0;
	container_root_init(&root);
	if ((!is_input && find_source(copy, &source, err) < 0) ||
	    container_root_open(engine, copy->container, &root, err) < 0 || find_destination(copy, &root, &to, err) < 0)
		return -1;
	if (is_input && to.fd < 0)
		return not_found(copy, err);
	if (copy->archive) {
		struct user *user = allocate(sizeof *user);
		static const struct string_list no_groups = {0};
		int result = user_resolve(root.fd, root.config.user ? root.config.user : "", &no_groups, user, err);
		options.uid = user->uid;
		options.gid = user->gid;
		free(user);
		if (result < 0)
			return -1;
	}
	int result = is_input ? copy_from_input(copy, &to, &options, err) : choose_target(&source, &to, &target, err);
	if (result == 0 && !is_input)
		result = transfer(copy, &source, &target, &options, err);
	if (result == 0)
		event_container(engine, &root.record, "extract-to-dir", NULL);
	return result;
}
