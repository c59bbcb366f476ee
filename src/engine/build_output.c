#include "engine/build_output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/layer.h"
#include "base/atomic_file.h"
#include "base/fd.h"
#include "base/random.h"
#include "build/cache_document.h"
#include "build/content.h"
#include "build/copy.h"
#include "build/rootfs_view.h"
#include "engine/copy.h"
#include "engine/save.h"

#define MERGE_DEPTH_LIMIT CONTENT_DEPTH_LIMIT

static int open_tree(struct engine *engine, const struct image *image, struct rootfs_view *ret_view, struct error *err)
{
	cleanup_image_config struct image_config config = {0};
	if (image_read_config(engine->store, image, &config, err) < 0)
		return -1;
	size_t count = config.diff_id_count;
	cleanup_free struct digest *layers = allocate_array(count + 1, sizeof *layers);
	count = rootfs_unique_layers(config.diff_ids, count, layers);
	return rootfs_view_open(engine->store, layers, count, -1, -1, ret_view, err);
}

/* A folder that is filled beside its place, and gone unless it was moved there. */
struct beside {
	int parent_fd;
	char *name;
	int folder_fd;
};

static void beside_release(struct beside *beside)
{
	struct error ignored = {0};
	if (beside->folder_fd >= 0) {
		close(beside->folder_fd);
		remove_tree_at(beside->parent_fd, beside->name, &ignored);
	}
	if (beside->parent_fd >= 0)
		close(beside->parent_fd);
	free(beside->name);
}

/* `path` without "/" at its end; its parents are made. ret_last is the name in the parent. */
static int beside_begin(const char *path, struct beside *ret_beside, const char **ret_last, struct error *err)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *parent = !slash ? duplicate_string(".") : duplicate_bytes(path, (size_t)(slash - path + 1));
	char suffix[17];
	random_hex(suffix, sizeof suffix - 1);
	*ret_last = slash ? slash + 1 : path;
	ret_beside->parent_fd = open_folder(parent, true, 0755, err);
	if (ret_beside->parent_fd < 0)
		return -1;
	ret_beside->name = format_string(".%.200s.%s", *ret_last, suffix);
	if (mkdirat(ret_beside->parent_fd, ret_beside->name, 0755) < 0)
		return error_set_errno(err, errno, "make a folder in %s", parent);
	ret_beside->folder_fd = open_folder_at(ret_beside->parent_fd, ret_beside->name, false, 0, err);
	return ret_beside->folder_fd < 0 ? -1 : 0;
}

static int merge_folder(int from_fd, int to_fd, unsigned depth, struct error *err);

static int merge_entry(int from_fd, int to_fd, const char *name, unsigned depth, struct error *err)
{
	struct stat from, to;
	if (fstatat(from_fd, name, &from, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set_errno(err, errno, "stat %s", name);
	bool is_there = fstatat(to_fd, name, &to, AT_SYMLINK_NOFOLLOW) == 0;
	if (!is_there || !S_ISDIR(from.st_mode) || !S_ISDIR(to.st_mode)) {
		if (is_there && S_ISDIR(from.st_mode) != S_ISDIR(to.st_mode))
			return error_set(err, ERROR_CONFLICT, "%s is %s there, and %s in the build", name,
					 S_ISDIR(to.st_mode) ? "a folder" : "no folder",
					 S_ISDIR(from.st_mode) ? "a folder" : "none");
		return renameat(from_fd, name, to_fd, name) < 0 ? error_set_errno(err, errno, "put %s in place", name)
								: 0;
	}
	cleanup_close int inner = openat(from_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int outer = openat(to_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (inner < 0 || outer < 0)
		return error_set_errno(err, errno, "open %s", name);
	return merge_folder(inner, outer, depth + 1, err) < 0 ? error_wrap(err, "%s", name) : 0;
}

/* Each file is moved whole over the one that is there; what else is there stays. */
static int merge_folder(int from_fd, int to_fd, unsigned depth, struct error *err)
{
	cleanup_string_list struct string_list names = {0};
	if (depth > MERGE_DEPTH_LIMIT)
		return error_set(err, ERROR_LIMIT, "folders are more than %d deep", MERGE_DEPTH_LIMIT);
	if (content_list_folder(from_fd, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (merge_entry(from_fd, to_fd, names.items[i], depth, err) < 0)
			return -1;
	return 0;
}

static int place(struct beside *beside, const char *last, struct error *err)
{
	struct stat status;
	if (fstatat(beside->parent_fd, last, &status, 0) < 0 && errno == ENOENT) {
		if (renameat(beside->parent_fd, beside->name, beside->parent_fd, last) < 0)
			return error_set_errno(err, errno, "put %s in place", last);
		close(beside->folder_fd);
		beside->folder_fd = -1;
		return 0;
	}
	cleanup_close int there = openat(beside->parent_fd, last, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (there < 0)
		return error_set_errno(err, errno, "open %s", last);
	return merge_folder(beside->folder_fd, there, 0, err);
}

static int copy_tree(struct engine *engine, int folder_fd, const struct image *image, struct error *err)
{
	cleanup_rootfs_view struct rootfs_view view = ROOTFS_VIEW_INIT;
	cleanup_string_list struct string_list sources = {0};
	if (open_tree(engine, image, &view, err) < 0)
		return -1;
	struct content_root root = {.fd = view.root_fd, .keep_owners = true};
	struct copy_request request = {
		.root_fd = folder_fd,
		.store_root_fd = engine->store->root_fd,
		.destination = "/",
		.from = &root,
		.sources = &sources,
		.has_owner = true,
		.owner = {.user = geteuid(), .group = getegid()},
	};
	return content_find(&root, "/", &sources, err) < 0 ? -1 : copy_files(&request, err);
}

static volatile sig_atomic_t was_interrupted;

static void on_signal(int number)
{
	was_interrupted = number;
}

/* A signal is answered once the copy is done: what lies beside the place is taken away first. */
static int write_local(struct engine *engine, const char *path, const struct image *image, struct error *err)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before[ARRAY_SIZE(signals)];
	CLEANUP(beside_release) struct beside beside = {.parent_fd = -1, .folder_fd = -1};
	cleanup_free char *clean = realpath(path, NULL);
	if (!clean)
		clean = duplicate_string(path);
	for (size_t length = strlen(clean); length > 1 && clean[length - 1] == '/';)
		clean[--length] = '\0';
	const char *last;
	/* "/" has nothing beside it. */
	if (strcmp(clean, "/") == 0)
		return error_set(err, ERROR_INVALID, "the root folder cannot be an output");
	was_interrupted = 0;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, &before[i]);
	int result = beside_begin(clean, &beside, &last, err);
	if (result == 0)
		result = copy_tree(engine, beside.folder_fd, image, err);
	if (result == 0)
		result = was_interrupted ? error_set(err, ERROR_CANCELLED, "interrupted") : place(&beside, last, err);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &before[i], NULL);
	return result;
}

static int write_tar(struct engine *engine, const struct build_options *options, const struct image *image,
		     const struct sink *sink, struct error *err)
{
	cleanup_rootfs_view struct rootfs_view view = ROOTFS_VIEW_INIT;
	struct layer_diff_options form = {.form = LAYER_FORM_TREE, .owner = LAYER_OWNER_KEEP};
	struct layer_totals totals;
	if (build_epoch(&options->build_arguments, &form.time_limit, err) < 0 ||
	    open_tree(engine, image, &view, err) < 0)
		return -1;
	return layer_diff(view.root_fd, &form, sink, &totals, err);
}

static int write_archive(struct engine *engine, const struct build_output *output, const struct image *image,
			 const struct sink *sink, struct error *err)
{
	cleanup_string_list struct string_list names = {0};
	for (size_t i = 0; i < output->names.count; i++) {
		cleanup_reference struct reference reference = {0};
		if (reference_parse(output->names.items[i], &reference, err) < 0)
			return -1;
		string_list_take(&names, reference_text(&reference));
	}
	/* An inline cache is every output's. */
	cleanup_manifest struct manifest manifest = {0};
	cleanup_string_list struct string_list annotations = {0};
	if (image_read_manifest(engine->store, image, &manifest, NULL, err) < 0)
		return -1;
	string_list_copy(&annotations, &output->annotations);
	const char *cache = string_list_get_key(&manifest.annotations, CACHE_ANNOTATION);
	if (cache)
		string_list_set_key(&annotations, CACHE_ANNOTATION, cache);
	const struct image_export export = {
		.image = image,
		.references = &names,
		.annotations = &annotations,
		.descriptor_annotations = &output->descriptor_annotations,
		.is_compressed = output->compression != NULL,
		.compression = output->compression_kind,
		.level = output->level,
	};
	return image_export(engine, &export, sink, err);
}

static int write_stream(struct engine *engine, const struct build_output *output, const struct build_options *options,
			const struct image *image, const int *fd, struct error *err)
{
	struct sink sink = sink_to_fd(fd);
	return output->kind == BUILD_OUTPUT_TAR ? write_tar(engine, options, image, &sink, err)
						: write_archive(engine, output, image, &sink, err);
}

static int write_file(struct engine *engine, const struct build_output *output, const struct build_options *options,
		      const struct image *image, struct error *err)
{
	cleanup_atomic_output struct atomic_output file = ATOMIC_OUTPUT_INIT;
	if (atomic_output_open(output->destination, 0644, &file, err) < 0 ||
	    write_stream(engine, output, options, image, &file.fd, err) < 0)
		return -1;
	return atomic_output_commit(&file, err);
}

/* The archive is made without a name, and copied from there into the layout, which keeps what else is in it. */
static int write_layout(struct engine *engine, const struct build_output *output, const struct build_options *options,
			const struct image *image, struct error *err)
{
	cleanup_close int fd = openat(engine->store->root_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct copy_options copy = {.all = true};
	struct digest digest;
	if (fd < 0)
		return error_set_errno(err, errno, "make a file in %s", engine->store->root);
	if (write_stream(engine, output, options, image, &fd, err) < 0)
		return -1;
	if (strchr(output->destination, ':'))
		return error_set(err, ERROR_INVALID, "the path of a layout cannot hold a colon: %s",
				 output->destination);
	cleanup_free char *from = format_string("oci-archive:/proc/%d/fd/%d", (int)getpid(), fd);
	cleanup_reference struct reference reference = {0};
	if (output->names.count && reference_parse(output->names.items[0], &reference, err) < 0)
		return -1;
	cleanup_free char *to = format_string("oci:%s%s%s", output->destination, reference.tag ? ":" : "",
					      reference.tag ? reference.tag : "");
	return image_copy(from, to, &copy, NULL, &digest, err);
}

int build_output_write(struct engine *engine, const struct build_output *output, const struct build_options *options,
		       const struct image *image, struct error *err)
{
	int standard_output = STDOUT_FILENO, result = 0;
	int64_t epoch = 0;
	if (output->rewrite_timestamp && options->progress != BUILD_PROGRESS_QUIET &&
	    build_epoch(&options->build_arguments, &epoch, NULL) == 0 && !epoch)
		dprintf(options->output_fd,
			"WARNING: rewrite-timestamp is specified, but no source-date-epoch was found\n");
	switch (output->kind) {
	case BUILD_OUTPUT_STORE:
	case BUILD_OUTPUT_NOTHING:
		break;
	case BUILD_OUTPUT_LOCAL:
		result = write_local(engine, output->destination, image, err);
		break;
	case BUILD_OUTPUT_LAYOUT:
		result = write_layout(engine, output, options, image, err);
		break;
	case BUILD_OUTPUT_TAR:
	case BUILD_OUTPUT_ARCHIVE:
		result = output->destination ? write_file(engine, output, options, image, err)
					     : write_stream(engine, output, options, image, &standard_output, err);
		break;
	}
	return result < 0 ? error_wrap(err, "export the build") : 0;
}
