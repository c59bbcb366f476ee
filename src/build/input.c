#include "build/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/compression.h"
#include "archive/layer.h"
#include "base/fd.h"
#include "build/lexer.h"
#include "build/unpack.h"

#define STANDARD_INPUT "STDIN"

/* What was read ahead to tell an archive from a Dockerfile, and then the rest. */
struct peeked {
	int fd;
	size_t size, position;
	unsigned char bytes[UNPACK_BLOCK_SIZE];
};

static ssize_t read_peeked(void *context, void *bytes, size_t size, struct error *err)
{
	struct peeked *peeked = context;
	size_t left = peeked->size - peeked->position;
	if (left) {
		if (size > left)
			size = left;
		memcpy(bytes, peeked->bytes + peeked->position, size);
		peeked->position += size;
		return (ssize_t)size;
	}
	ssize_t got = read_some(peeked->fd, bytes, size);
	return got < 0 ? error_set_errno(err, errno, "read") : got;
}

static int peek(struct peeked *peeked, struct error *err)
{
	while (peeked->size < sizeof peeked->bytes) {
		ssize_t got = read_some(peeked->fd, peeked->bytes + peeked->size, sizeof peeked->bytes - peeked->size);
		if (got < 0)
			return error_set_errno(err, errno, "read");
		if (got == 0)
			break;
		peeked->size += (size_t)got;
	}
	return 0;
}

static bool is_archive(const struct peeked *peeked)
{
	static const struct {
		const char *bytes;
		size_t size;
	} magics[] = {{"\x1f\x8b", 2},
		      {"\x28\xb5\x2f\xfd", 4},
		      {"BZh", 3},
		      {"\xfd"
		       "7zXZ",
		       5}};
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (peeked->size >= magics[i].size && memcmp(peeked->bytes, magics[i].bytes, magics[i].size) == 0)
			return true;
	return peeked->size == sizeof peeked->bytes && unpack_is_tar_header(peeked->bytes);
}

static int lock_content(struct store *store, struct build_input *input, struct error *err)
{
	return input->lock_fd >= 0 ? 0 : store_lock_content(store, STORE_LOCK_SHARED, &input->lock_fd, err);
}

static int begin_folder(struct store *store, struct build_input *input, struct error *err)
{
	if (lock_content(store, input, err) < 0 || layer_staging_begin(store->root_fd, &input->staging, err) < 0)
		return -1;
	input->context_path = format_string("%s/layers/staging/%s", store->root, input->staging.name);
	input->options.context_path = input->context_path;
	input->options.context_is_archive = true;
	return 0;
}

static int unpack(const struct source *source, struct build_input *input, struct error *err)
{
	struct decompressor *decompressor = NULL;
	struct layer_totals totals;
	if (decompressor_new_any(source, &decompressor, err) < 0)
		return -1;
	struct source plain = decompressor_source(decompressor);
	int result = layer_apply(&plain, input->staging.folder_fd, NULL, &totals, err);
	decompressor_free(decompressor);
	return result;
}

static int read_dockerfile(const struct source *source, const char *from, struct build_input *input, struct error *err)
{
	struct sink sink = sink_to_buffer(&input->dockerfile);
	if (stream_copy(source, &sink, DOCKERFILE_SIZE_LIMIT, NULL, err) < 0)
		return error_wrap(err, "failed to read dockerfile from %s", from);
	if (input->dockerfile.size == 0)
		return error_set(err, ERROR_INVALID, "the Dockerfile from %s is empty", from);
	input->options.dockerfile = NULL;
	input->options.dockerfile_text = &input->dockerfile;
	return 0;
}

/* `from`: where a Dockerfile may come from in place of an archive, "STDIN"; NULL: it may not. */
static int take_stream(struct store *store, int fd, const char *from, struct build_input *input, struct error *err)
{
	struct peeked peeked = {.fd = fd};
	struct source source = {read_peeked, &peeked};
	if (peek(&peeked, err) < 0)
		return error_wrap(err, "failed to peek context header");
	if (is_archive(&peeked)) {
		if (begin_folder(store, input, err) < 0 || unpack(&source, input, err) < 0)
			return error_wrap(err, "unpack the build context");
		return 0;
	}
	if (!from)
		return error_set(err, ERROR_INVALID,
				 "unable to prepare context: context must be a directory or a tar archive: %s",
				 input->options.context_path);
	if (input->options.dockerfile)
		return error_set(err, ERROR_INVALID,
				 "ambiguous Dockerfile source: both %s and flag correspond to Dockerfiles",
				 strcmp(from, STANDARD_INPUT) == 0 ? "stdin" : from);
	return read_dockerfile(&source, from, input, err) < 0 ? -1 : begin_folder(store, input, err);
}

static int take_dockerfile(struct build_input *input, struct error *err)
{
	struct peeked none = {.fd = STDIN_FILENO};
	struct source source = {read_peeked, &none};
	return read_dockerfile(&source, STANDARD_INPUT, input, err);
}

static int take_file(struct store *store, const struct build_host *host, const char *url, struct build_input *input,
		     struct error *err)
{
	cleanup_remote_source struct remote_source source = {0};
	struct digest any = {0};
	struct build_file file;
	cleanup_close int fd = -1;
	if (remote_source_parse(url, &source, err) < 0 || lock_content(store, input, err) < 0 ||
	    host->fetch(host->context, source.url, &any, &file, err) < 0)
		return -1;
	if (store->blobs->operations->open(store->blobs, &file.digest, &fd, err) < 0)
		return -1;
	return take_stream(store, fd, source.url, input, err);
}

/* BuildKit's way to ask for the `.git` folder in a context. */
static bool keeps_git_dir(const struct build_options *options)
{
	const char *text = string_list_get_key(&options->build_arguments, "BUILDKIT_CONTEXT_KEEP_GIT_DIR");
	return text && (strcmp(text, "1") == 0 || strcmp(text, "true") == 0);
}

static int take_repository(struct store *store, const char *url, struct build_input *input, struct error *err)
{
	cleanup_remote_source struct remote_source source = {0};
	cleanup_git_commit struct git_commit commit = {0};
	if (remote_source_parse(url, &source, err) < 0 || git_authorize(&source, &input->options.secrets, err) < 0 ||
	    lock_content(store, input, err) < 0 || git_find_commit(&source, &commit, err) < 0 ||
	    git_check_out(store, &source, &commit, keeps_git_dir(&input->options), &input->checkout, err) < 0)
		return -1;
	input->options.context_path = input->checkout.path;
	input->options.context_is_archive = true;
	return 0;
}

/* "github.com/user/repository" was one of git before there were others, and still is where no folder has that name. */
static char *find_url(const char *path)
{
	struct stat status;
	if (strncmp(path, "github.com/", strlen("github.com/")) == 0 && stat(path, &status) < 0)
		return format_string("https://%s%s", path, strstr(path, ".git") ? "" : ".git");
	return remote_source_kind(path) != REMOTE_NONE ? duplicate_string(path) : NULL;
}

static bool is_text(const char *text, const char *wanted)
{
	return text && strcmp(text, wanted) == 0;
}

static int take(struct store *store, const struct build_host *host, struct build_input *input, struct error *err)
{
	const char *path = input->options.context_path;
	bool has_input = is_text(path, "-");
	struct stat status;
	if (is_text(input->options.dockerfile, "-")) {
		if (has_input)
			return error_set(err, ERROR_INVALID,
					 "invalid argument: can't use stdin for both build context and dockerfile");
		if (take_dockerfile(input, err) < 0)
			return -1;
	}
	if (has_input)
		return take_stream(store, STDIN_FILENO, STANDARD_INPUT, input, err);
	cleanup_free char *url = find_url(path);
	if (url) {
		int result = remote_source_kind(url) == REMOTE_FILE ? take_file(store, host, url, input, err)
								    : take_repository(store, url, input, err);
		return result < 0 ? error_wrap(err, "unable to prepare context") : 0;
	}
	if (stat(path, &status) < 0 || !S_ISREG(status.st_mode))
		return 0;
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_set_errno(err, errno, "open %s", path) : take_stream(store, fd, NULL, input, err);
}

/* The files of a URL become a folder, as a context's do. */
static int take_named(struct store *store, const struct build_host *host, struct build_input *input,
		      struct named_context *context, struct error *err)
{
	struct build_options options = input->options;
	struct build_input *named = &input->named[input->named_count++];
	options.context_path = context->value;
	options.dockerfile = NULL;
	options.contexts = NULL;
	if (build_input_open(store, host, &options, named, err) < 0)
		return error_wrap(err, "failed to get build context %s", context->name);
	if (named->options.dockerfile_text)
		return error_set(err, ERROR_INVALID,
				 "failed to get build context %s: %s is no archive: name a file with ADD",
				 context->name, context->value);
	replace_string(&context->value, duplicate_string(named->options.context_path));
	context->kind = NAMED_CONTEXT_FOLDER;
	context->is_archive = true;
	return 0;
}

static int take_layout(const struct build_host *host, struct build_input *input, struct named_context *context,
		       struct error *err)
{
	struct image image;
	if (host->load_layout(host->context, context->value, input->options.platform, &image, err) < 0)
		return error_wrap(err, "failed to get build context %s", context->name);
	replace_string(&context->value, duplicate_string(image.id.text));
	context->kind = NAMED_CONTEXT_IMAGE;
	return 0;
}

static int take_all_named(struct store *store, const struct build_host *host, struct build_input *input,
			  struct error *err)
{
	if (!input->options.contexts)
		return 0;
	named_contexts_copy(&input->contexts, input->options.contexts);
	input->options.contexts = &input->contexts;
	input->named = allocate_array(input->contexts.count + 1, sizeof *input->named);
	for (size_t i = 0; i < input->contexts.count; i++) {
		struct named_context *context = &input->contexts.items[i];
		if ((context->kind == NAMED_CONTEXT_REMOTE && take_named(store, host, input, context, err) < 0) ||
		    (context->kind == NAMED_CONTEXT_LAYOUT && take_layout(host, input, context, err) < 0))
			return -1;
	}
	return 0;
}

int build_input_open(struct store *store, const struct build_host *host, const struct build_options *options,
		     struct build_input *ret_input, struct error *err)
{
	*ret_input = (struct build_input){
		.options = *options,
		.staging = LAYER_STAGING_INIT,
		.checkout = GIT_CHECKOUT_INIT,
		.dockerfile = BUFFER_INIT(DOCKERFILE_SIZE_LIMIT),
		.lock_fd = -1,
	};
	return take(store, host, ret_input, err) < 0 ? -1 : take_all_named(store, host, ret_input, err);
}

void build_input_release(struct build_input *input)
{
	layer_staging_release(&input->staging);
	git_checkout_release(&input->checkout);
	buffer_release(&input->dockerfile);
	free(input->context_path);
	for (size_t i = 0; i < input->named_count; i++)
		build_input_release(&input->named[i]);
	free(input->named);
	named_contexts_release(&input->contexts);
	if (input->lock_fd >= 0)
		close(input->lock_fd);
}
