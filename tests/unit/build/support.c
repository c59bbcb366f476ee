#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "build/rootfs_view.h"
#include "support.h"

/* What programs do to a root: through an overlay, as a container would. */
static int edit_root(struct fixture *fixture, const struct build_run *run, struct error *err)
{
	cleanup_rootfs_view struct rootfs_view view = ROOTFS_VIEW_INIT;
	if (rootfs_view_open(fixture->store, run->diff_ids, run->diff_id_count, run->upper_fd, run->work_fd, &view,
			     err) < 0)
		return -1;
	assert_int_equal(unlinkat(view.root_fd, "gone", 0), 0);
	assert_int_equal(remove_tree_at(view.root_fd, "dir", err), 0);
	assert_int_equal(mkdirat(view.root_fd, "dir", 0755), 0);
	assert_int_equal(fchmodat(view.root_fd, "kept", 0600, 0), 0);
	cleanup_close int fd = openat(view.root_fd, "dir/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return write_full(fd, "new", 3, err);
}

/* `edit` changes an image's files; `false` fails; `say TEXT` prints; everything else leaves a file /ran that holds the
 * arguments. */
static int play_run(void *context, const struct build_run *run, int output_fd, int *ret_exit_code, struct error *err)
{
	struct fixture *fixture = context;
	++*fixture->shared_runs;
	string_list_copy(&fixture->last_arguments, &run->arguments);
	string_list_copy(&fixture->last_build_arguments, &run->build_arguments);
	cleanup_free char *joined = string_list_join(&run->arguments, " ");
	*ret_exit_code = 0;
	if (strstr(joined, "say ")) {
		const char *text = strstr(joined, "say ") + 4;
		if (write_full(output_fd, text, strlen(text), err) < 0 ||
		    write_full(output_fd, "\npartial", 8, err) < 0)
			return -1;
	}
	if (strstr(joined, "false")) {
		*ret_exit_code = 1;
		return 0;
	}
	if (strstr(joined, "edit"))
		return edit_root(fixture, run, err);
	if (strstr(joined, "nothing"))
		return 0;
	cleanup_close int fd = openat(run->upper_fd, "ran", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return fd < 0 ? error_set_errno(err, errno, "open ran") : write_full(fd, joined, strlen(joined), err);
}

static int find_image(void *context, const char *name, const struct platform *platform, bool always_pull,
		      struct image *ret_image, struct error *err)
{
	(void)platform;
	struct fixture *fixture = context;
	return image_find(fixture->store, name, ret_image, err);
}

static int fetch_file(void *context, const char *url, const struct digest *expected, struct build_file *ret_file,
		      struct error *err)
{
	struct fixture *fixture = context;
	struct build_file file = {.modified = 1000000000};
	fixture->fetches++;
	if (!fixture->web)
		return error_set(err, ERROR_NOT_FOUND, "invalid response status 404");
	if (blob_write(fixture->store->blobs, fixture->web, strlen(fixture->web), &file.digest, err) < 0)
		return -1;
	*ret_file = file;
	return 0;
}

void fixture_open(struct fixture *fixture)
{
	*fixture = (struct fixture){.folder = "/tmp/coracle-build-test-XXXXXX"};
	assert_non_null(mkdtemp(fixture->folder));
	fixture->shared_runs =
		mmap(NULL, sizeof *fixture->shared_runs, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(fixture->shared_runs != MAP_FAILED);
	fixture->folder_fd = open(fixture->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_free char *root = format_string("%s/root", fixture->folder);
	cleanup_free char *run_root = format_string("%s/run", fixture->folder);
	fixture->context = format_string("%s/context", fixture->folder);
	assert_int_equal(mkdir(fixture->context, 0755), 0);
	if (store_open(root, run_root, &fixture->store, &fixture->err) < 0)
		fail_msg("%s", fixture->err.message);
	fixture->host = (struct build_host){
		.context = fixture, .resolve_image = find_image, .fetch = fetch_file, .run = play_run};
	fixture->options = (struct build_options){
		.context_path = fixture->context,
		.progress = BUILD_PROGRESS_PLAIN,
		.output_fd = -1,
	};
}

void fixture_close(struct fixture *fixture)
{
	store_free(fixture->store);
	munmap(fixture->shared_runs, sizeof *fixture->shared_runs);
	close(fixture->folder_fd);
	struct error err;
	if (remove_tree_at(AT_FDCWD, fixture->folder, &err) < 0)
		print_error("%s\n", err.message);
	free(fixture->context);
	free(fixture->output);
	string_list_release(&fixture->last_arguments);
	string_list_release(&fixture->last_build_arguments);
	string_list_release(&fixture->options.build_arguments);
	string_list_release(&fixture->options.tags);
	string_list_release(&fixture->options.labels);
}

static void make_parents(struct fixture *fixture, const char *path)
{
	cleanup_free char *full = format_string("context/%s", path);
	*strrchr(full, '/') = '\0';
	cleanup_close int fd = make_folders_in_root(fixture->folder_fd, full, 0755);
	assert_true(fd >= 0);
}

void fixture_write(struct fixture *fixture, const char *path, const char *text)
{
	make_parents(fixture, path);
	cleanup_free char *full = format_string("context/%s", path);
	cleanup_close int fd = openat(fixture->folder_fd, full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, text, strlen(text), NULL), 0);
}

void fixture_link(struct fixture *fixture, const char *path, const char *target)
{
	make_parents(fixture, path);
	cleanup_free char *full = format_string("context/%s", path);
	assert_int_equal(symlinkat(target, fixture->folder_fd, full), 0);
}

int fixture_build(struct fixture *fixture, const char *dockerfile, struct image *ret_image)
{
	fixture_write(fixture, "Dockerfile", dockerfile);
	fixture->options.output_fd = memfd_create("output", MFD_CLOEXEC);
	error_clear(&fixture->err);
	int result = build_image(fixture->store, &fixture->host, &fixture->options, ret_image, &fixture->err);
	fixture->runs = *fixture->shared_runs;
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	assert_true(lseek(fixture->options.output_fd, 0, SEEK_SET) == 0);
	assert_int_equal(read_fd(fixture->options.output_fd, 1 << 20, &text, NULL), 0);
	close(fixture->options.output_fd);
	replace_string(&fixture->output, buffer_steal(&text));
	return result;
}

struct image fixture_must_build(struct fixture *fixture, const char *dockerfile)
{
	struct image image = {0};
	if (fixture_build(fixture, dockerfile, &image) < 0)
		fail_msg("%s\n%s\n%s", dockerfile, fixture->output, fixture->err.message);
	return image;
}

struct image fixture_must_build_as(struct fixture *fixture, const char *tag, const char *dockerfile)
{
	string_list_add(&fixture->options.tags, tag);
	struct image image = fixture_must_build(fixture, dockerfile);
	string_list_release(&fixture->options.tags);
	return image;
}

struct image_config fixture_config(struct fixture *fixture, const struct image *image)
{
	struct image_config config = {0};
	if (image_read_config(fixture->store, image, &config, &fixture->err) < 0)
		fail_msg("%s", fixture->err.message);
	return config;
}

int fixture_view(struct fixture *fixture, const struct image *image)
{
	cleanup_image_config struct image_config config = fixture_config(fixture, image);
	cleanup_rootfs_view struct rootfs_view view = ROOTFS_VIEW_INIT;
	if (rootfs_view_open(fixture->store, config.diff_ids, config.diff_id_count, -1, -1, &view, &fixture->err) < 0)
		fail_msg("%s", fixture->err.message);
	return fcntl(view.root_fd, F_DUPFD_CLOEXEC, 3);
}

char *fixture_read(struct fixture *fixture, const struct image *image, const char *path)
{
	cleanup_close int root = fixture_view(fixture, image);
	cleanup_close int fd = open_in_root(root, path, O_RDONLY, 0);
	if (fd < 0)
		return duplicate_string("(absent)");
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	assert_int_equal(read_fd(fd, 1 << 20, &text, NULL), 0);
	return buffer_steal(&text);
}
