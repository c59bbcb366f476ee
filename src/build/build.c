#include "build/build.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "build/executor.h"
#include "build/lint.h"
#include "build/path.h"
#include "build/predefined.h"
#include "build/worker.h"
#include "oci/media_type.h"

struct build {
	struct executor executor;
	struct dockerfile dockerfile;
	struct stage_graph graph;
	struct lint lint;
	struct buffer text; /* of the Dockerfile */
	char *file_name;    /* as errors show it */
	unsigned first_line, last_line;
};

static void build_release(struct build *build)
{
	lint_release(&build->lint);
	executor_release(&build->executor);
	stage_graph_release(&build->graph);
	dockerfile_release(&build->dockerfile);
	buffer_release(&build->text);
	free(build->file_name);
}

static struct context_folder context_of(const struct build_options *options)
{
	return (struct context_folder){options->context_path, options->context_is_archive, .fd = -1};
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* As open_user_file() takes it. */
static char *context_file(const struct build_options *options, const char *name)
{
	return options->context_is_archive ? duplicate_string(name)
					   : format_string("%s/%s", options->context_path, name);
}

/* A path of the user's own is resolved as any path of theirs; one in an archive does not leave the archive. */
static int open_user_file(const struct build_options *options, const char *path)
{
	if (!options->context_is_archive)
		return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	cleanup_close int root = open(options->context_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? -1 : open_in_root(root, path, O_RDONLY | O_NONBLOCK, 0);
}

/* A regular file, bounded. */
static int read_user_file(const struct build_options *options, const char *path, size_t limit, struct buffer *ret,
			  struct error *err)
{
	cleanup_close int fd = open_user_file(options, path);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0)
		return error_set_errno(err, errno, "open %s", base_name(path));
	if (!S_ISREG(status.st_mode))
		/* cppcheck-suppress resourceLeak ; closed by its cleanup */
		return error_set(err, ERROR_INVALID, "open %s: it is not a regular file", base_name(path));
	return read_fd(fd, limit, ret, err);
}

static int fail_step(struct executor *executor, size_t number, struct error *err)
{
	executor->failed_step = number;
	report_failed(executor->report, number, err ? err->message : "failed");
	return -1;
}

static int load_dockerfile(struct build *build, struct error *err)
{
	struct executor *executor = &build->executor;
	const struct build_options *options = executor->options;
	cleanup_free char *path =
		options->dockerfile ? duplicate_string(options->dockerfile) : context_file(options, "Dockerfile");
	build->file_name = duplicate_string(base_name(path));
	cleanup_free char *name = format_string("[internal] load build definition from %s", build->file_name);
	size_t number = report_begin(executor->report, name);
	const struct buffer *text = options->dockerfile_text;
	build->text.cap = DOCKERFILE_SIZE_LIMIT;
	if (text ? buffer_append(&build->text, text->bytes, text->size, err) < 0
		 : read_user_file(options, path, DOCKERFILE_SIZE_LIMIT, &build->text, err) < 0) {
		error_wrap(err, "failed to read dockerfile");
		return fail_step(executor, number, err);
	}
	report_line(executor->report, number, "transferring dockerfile: %zuB done", build->text.size);
	report_done(executor->report, number);
	return dockerfile_parse(buffer_text(&build->text), build->text.size, &build->dockerfile, &build->first_line,
				&build->last_line, err);
}

static bool has_user_file(const struct build_options *options, const char *path)
{
	cleanup_close int fd = open_user_file(options, path);
	return fd >= 0 || errno != ENOENT;
}

/* Dockerfile.dockerignore beside the Dockerfile, else .dockerignore of the context. */
static int load_ignore_file(struct build *build, struct error *err)
{
	struct executor *executor = &build->executor;
	const struct build_options *options = executor->options;
	size_t number = report_begin(executor->report, "[internal] load .dockerignore");
	cleanup_free char *own = options->dockerfile ? format_string("%s.dockerignore", options->dockerfile)
						     : context_file(options, "Dockerfile.dockerignore");
	cleanup_free char *shared = context_file(options, ".dockerignore");
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	/* A Dockerfile from standard input lies beside nothing. */
	bool has_own = !options->dockerfile_text && has_user_file(options, own);
	const char *used = has_own ? own : shared;
	if ((has_own || has_user_file(options, shared)) &&
	    (read_user_file(options, used, IGNORE_FILE_LIMIT, &text, err) < 0 ||
	     ignore_parse(buffer_text(&text), text.size, &executor->context.ignore, err) < 0)) {
		error_wrap(err, "failed to read %s", base_name(used));
		return fail_step(executor, number, err);
	}
	report_line(executor->report, number, "transferring context: %zuB done", text.size);
	report_done(executor->report, number);
	return 0;
}

/* What a named folder has in its .dockerignore, before any stage asks for its files. */
static int load_named_folders(struct executor *executor, struct error *err)
{
	const struct named_contexts *contexts = executor->options->contexts;
	executor->named = contexts ? allocate_array(contexts->count + 1, sizeof *executor->named) : NULL;
	for (size_t i = 0; contexts && i < contexts->count; i++)
		executor->named[i].fd = -1;
	for (size_t i = 0; contexts && i < contexts->count; i++) {
		const struct named_context *context = &contexts->items[i];
		struct context_folder *folder = &executor->named[i];
		cleanup_buffer struct buffer text = BUFFER_INIT(0);
		if (context->kind != NAMED_CONTEXT_FOLDER)
			continue;
		folder->path = context->value;
		folder->is_archive = context->is_archive;
		const struct build_options place = {.context_path = context->value,
						    .context_is_archive = context->is_archive};
		cleanup_free char *path = context_file(&place, ".dockerignore");
		if (has_user_file(&place, path) &&
		    (read_user_file(&place, path, IGNORE_FILE_LIMIT, &text, err) < 0 ||
		     ignore_parse(buffer_text(&text), text.size, &folder->ignore, err) < 0))
			return error_wrap(err, "failed to read .dockerignore of build context %s", context->name);
	}
	return 0;
}

/* KEY alone takes our own environment's value, and is as if not given where there is none. */
static void take_build_arguments(struct executor *executor)
{
	const struct string_list *given = &executor->options->build_arguments;
	for (size_t i = 0; i < given->count; i++) {
		const char *equals = strchr(given->items[i], '=');
		cleanup_free char *key = duplicate_bytes(given->items[i], strcspn(given->items[i], "="));
		const char *value = equals ? equals + 1 : getenv(key);
		if (value)
			string_list_set_key(&executor->build_arguments, key, value);
	}
}

int build_epoch(const struct string_list *build_arguments, int64_t *ret_epoch, struct error *err)
{
	const char *text = string_list_get_key(build_arguments, "SOURCE_DATE_EPOCH");
	if (!text)
		text = getenv("SOURCE_DATE_EPOCH");
	*ret_epoch = 0;
	if (!text || !text[0])
		return 0;
	char *end;
	errno = 0;
	long long seconds = strtoll(text, &end, 10);
	if (*end || errno || seconds <= 0 || seconds > 253402300799LL)
		return error_set(err, ERROR_INVALID,
				 "invalid SOURCE_DATE_EPOCH: \"%s\": it must be seconds since 1970, more than 0", text);
	*ret_epoch = seconds;
	return 0;
}

static void warn_unconsumed(struct executor *executor)
{
	cleanup_string_list struct string_list left = {0};
	for (size_t i = 0; i < executor->build_arguments.count; i++) {
		const char *item = executor->build_arguments.items[i];
		cleanup_free char *key = duplicate_bytes(item, strcspn(item, "="));
		if (!build_argument_is_predefined(key) && !string_list_contains(&executor->consumed, key))
			string_list_take(&left, steal_pointer(&key));
	}
	if (!left.count)
		return;
	cleanup_free char *joined = string_list_join(&left, " ");
	report_warning(executor->report, "[Warning] One or more build-args [%s] were not consumed", joined);
}

static void finish_config(struct executor *executor, struct stage_state *state)
{
	const struct string_list *labels = &executor->options->labels;
	for (size_t i = 0; i < labels->count; i++) {
		cleanup_free char *key = duplicate_bytes(labels->items[i], strcspn(labels->items[i], "="));
		const char *equals = strchr(labels->items[i], '=');
		cleanup_free char *item = format_string("%s=%s", key, equals ? equals + 1 : "");
		ptrdiff_t index = string_list_find_key(&state->config.labels, key);
		if (index >= 0)
			replace_string(&state->config.labels.items[index], steal_pointer(&item));
		else
			image_config_add_sorted(&state->config.labels, item);
	}
	nanoseconds time = executor->epoch  ? executor->epoch * NANOSECONDS_PER_SECOND
			   : state->created ? state->created
					    : time_now();
	char created[TIME_TEXT_SIZE];
	time_format_rfc3339(time, created);
	replace_string(&state->config.created, duplicate_string(created));
}

/* An unchanged build writes nothing and waits for no disk. */
static int write_document(struct store *store, const char *text, struct digest *ret_digest, struct error *err)
{
	struct blob_info info;
	digest_of_bytes(text, strlen(text), ret_digest);
	if (store->blobs->operations->stat(store->blobs, ret_digest, &info, NULL) == 0)
		return 0;
	return blob_keep(store->blobs, text, strlen(text), ret_digest, err);
}

static int write_documents(struct executor *executor, const struct stage_state *state, struct digest *ret_manifest,
			   struct digest *ret_id, struct error *err)
{
	struct store *store = executor->store;
	struct manifest manifest = {.media_type = duplicate_string(MEDIA_TYPE_OCI_MANIFEST)};
	cleanup_free char *config = image_config_serialize(&state->config);
	int result = write_document(store, config, ret_id, err);
	if (result == 0) {
		manifest.config = (struct descriptor){duplicate_string(MEDIA_TYPE_OCI_CONFIG), *ret_id, strlen(config)};
		manifest.layers = allocate_array(state->layer_count + 1, sizeof *manifest.layers);
		for (size_t i = 0; i < state->layer_count; i++)
			descriptor_copy(&manifest.layers[i], &state->layers[i].blob);
		manifest.layer_count = state->layer_count;
		string_list_copy(&manifest.annotations, &executor->options->annotations);
		cleanup_free char *text = manifest_serialize(&manifest);
		result = write_document(store, text, ret_manifest, err);
	}
	manifest_release(&manifest);
	return result;
}

static bool is_named_already(struct store *store, const struct reference *reference, const struct digest *manifest,
			     struct image *ret_image)
{
	struct image image;
	struct digest repository_digest;
	if (image_find_reference(store, reference, &image, &repository_digest, NULL) < 0 ||
	    !digest_equal(&image.manifest, manifest))
		return false;
	*ret_image = image;
	return true;
}

static int name_image(struct executor *executor, const struct stage_state *state, const struct digest *manifest,
		      size_t number, struct image *ret_image, struct error *err)
{
	const struct string_list *tags = &executor->options->tags;
	if (!tags->count)
		return image_put_built(executor->store, manifest, state->layers, state->layer_count, NULL, ret_image,
				       err);
	for (size_t i = 0; i < tags->count; i++) {
		cleanup_reference struct reference reference = {0};
		if (reference_parse(tags->items[i], &reference, err) < 0)
			return -1;
		if (!is_named_already(executor->store, &reference, manifest, ret_image) &&
		    image_put_built(executor->store, manifest, state->layers, state->layer_count, &reference, ret_image,
				    err) < 0)
			return -1;
		cleanup_free char *text = reference_text(&reference);
		report_line(executor->report, number, "naming to %s done", text);
	}
	return 0;
}

static int export_image(struct executor *executor, struct stage_state *state, struct image *ret_image,
			struct error *err)
{
	size_t number = report_begin(executor->report, "exporting to image");
	struct digest manifest, id;
	finish_config(executor, state);
	report_line(executor->report, number, "exporting layers done");
	if (write_documents(executor, state, &manifest, &id, err) < 0)
		return fail_step(executor, number, err);
	report_line(executor->report, number, "writing image %s done", id.text);
	if (executor->options->no_image) {
		*ret_image = (struct image){.id = id, .manifest = manifest};
	} else if (name_image(executor, state, &manifest, number, ret_image, err) < 0) {
		return fail_step(executor, number, err);
	}
	report_done(executor->report, number);
	return 0;
}

/* An image that several stages begin with is looked for once for each platform. */
static bool is_first_with_base(const struct stage_graph *graph, size_t index)
{
	const struct build_stage *stage = &graph->stages[index];
	const char *platform = stage->platform ? stage->platform : "";
	for (size_t i = 0; i < index; i++) {
		const struct build_stage *other = &graph->stages[i];
		if (other->needed && other->base == STAGE_BASE_IMAGE &&
		    strcmp(other->base_name, stage->base_name) == 0 &&
		    strcmp(other->platform ? other->platform : "", platform) == 0)
			return false;
	}
	return true;
}

static size_t count_steps(const struct stage_graph *graph)
{
	size_t steps = 3; /* Dockerfile, .dockerignore, export */
	for (size_t i = 0; i < graph->count; i++) {
		const struct build_stage *stage = &graph->stages[i];
		if (!stage->needed)
			continue;
		steps += stage->base == STAGE_BASE_IMAGE ? 1 + is_first_with_base(graph, i) : stage->folder != NULL;
		for (size_t j = 0; j < stage->instruction_count; j++) {
			enum instruction_kind kind = stage->instructions[j].kind;
			steps += kind == INSTRUCTION_RUN || kind == INSTRUCTION_COPY || kind == INSTRUCTION_ADD ||
				 kind == INSTRUCTION_WORKDIR;
		}
	}
	return steps;
}

/* Names are checked before an hour of building, not after it. */
static int check_tags(const struct build_options *options, struct error *err)
{
	for (size_t i = 0; i < options->tags.count; i++) {
		cleanup_reference struct reference reference = {0};
		if (reference_parse(options->tags.items[i], &reference, err) < 0)
			return error_wrap(err, "invalid tag \"%s\"", options->tags.items[i]);
		if (digest_is_set(&reference.digest))
			return error_set(
				err, ERROR_INVALID,
				"invalid tag \"%s\": invalid reference format: a build cannot be named by a digest",
				options->tags.items[i]);
	}
	return 0;
}

/* Before a build one of another platform does not count: the right one is going to be pulled in its place,
 * or, where none was asked for and none can be had, it is judged when it was taken. */
static bool find_base(void *context, const struct build_stage *stage, struct image_config *ret_config)
{
	const struct executor *executor = context;
	bool is_before = executor->host && !executor->states;
	struct platform platform;
	struct error ignored = {0};
	struct image image;
	return stage_platform(stage, &platform, &ignored) >= 0 &&
	       build_find_image(executor->store, stage->base_name, is_before ? &platform : NULL, &image, &ignored) ==
		       0 &&
	       image_read_config(executor->store, &image, ret_config, &ignored) == 0;
}

/* Dockerfile, .dockerignore and stages: all that is known before anything is done. */
static int load(struct build *build, struct error *err)
{
	struct executor *executor = &build->executor;
	cleanup_close int context = open_folder(executor->options->context_path, false, 0, err);
	if (context < 0)
		return errno == ENOENT
			       ? error_set(err, ERROR_NOT_FOUND, "unable to prepare context: path \"%s\" not found",
					   executor->options->context_path)
			       : error_wrap(err, "unable to prepare context");
	take_build_arguments(executor);
	if (build_epoch(&executor->build_arguments, &executor->epoch, err) < 0 || load_dockerfile(build, err) < 0 ||
	    load_ignore_file(build, err) < 0)
		return -1;
	executor->dockerfile = &build->dockerfile;
	build->lint.dockerfile = &build->dockerfile;
	build->lint.build_arguments = &executor->build_arguments;
	build->lint.ignore = &executor->context.ignore;
	build->lint.platform = executor->options->platform;
	build->lint.find_base = find_base;
	build->lint.context = executor;
	const struct build_options *options = executor->options;
	const struct stage_options stages = {options->target, options->platform, options->contexts};
	if (lint_begin(&build->lint, err) < 0 ||
	    stage_graph_build(&build->dockerfile, &executor->build_arguments, &stages, &executor->consumed,
			      &build->graph, &executor->culprit, err) < 0)
		return -1;
	executor->graph = &build->graph;
	return load_named_folders(executor, err);
}

/* An error that a check meets is the build's own to tell, in its place. */
static int check_stages(struct build *build, struct error *err)
{
	const struct instruction *culprit;
	lint_stages(&build->lint, &build->graph, &culprit, NULL);
	return lint_failure(&build->lint, err);
}

/* Base images that had to be pulled are here now. */
static int check_again(struct build *build, struct error *err)
{
	if (build->lint.is_complete)
		return 0;
	return lint_begin(&build->lint, err) < 0 ? -1 : check_stages(build, err);
}

static int run_build(struct build *build, struct image *ret_image, struct error *err)
{
	struct executor *executor = &build->executor;
	if (load(build, err) < 0 || check_stages(build, err) < 0 || executor_check_rights(executor, err) < 0)
		return -1;
	executor->states = allocate_array(build->graph.count, sizeof *executor->states);
	report_expect(executor->report, count_steps(&build->graph));
	executor->workers = workers_new();
	if (executor_build(executor, build->graph.target, err) < 0 || check_again(build, err) < 0)
		return -1;
	warn_unconsumed(executor);
	return export_image(executor, &executor->states[build->graph.target], ret_image, err);
}

static void show_failure(struct build *build)
{
	struct executor *executor = &build->executor;
	if (executor->culprit) {
		build->first_line = executor->culprit->first_line;
		build->last_line = executor->culprit->last_line;
	}
	report_finish(executor->report, false);
	if (executor->has_log && executor->failed_step)
		report_failure_log(executor->report, executor->failed_step);
	if (build->file_name)
		report_excerpt(executor->report, build->file_name, buffer_text(&build->text), build->text.size,
			       build->first_line, build->last_line);
}

static void report_findings(struct build *build)
{
	lint_sort(&build->lint);
	for (size_t i = 0; i < build->lint.count; i++) {
		cleanup_free char *text = lint_short_text(&build->lint.warnings[i]);
		report_finding(build->executor.report, text);
	}
}

/* What is said at the end of a build or a check. Returns the result. */
static int finish(struct build *build, int result, struct error *err)
{
	if (result == 0) {
		report_finish(build->executor.report, true);
		return 0;
	}
	show_failure(build);
	return error_wrap(err, "failed to solve");
}

#define CHECK_TEXT_LIMIT ((size_t)64 * 1024 * 1024)

/* ret_text: where there is something to tell. */
static int run_check(struct build *build, char **ret_text, struct error *err)
{
	struct lint *lint = &build->lint;
	cleanup_buffer struct buffer text = BUFFER_INIT(CHECK_TEXT_LIMIT);
	lint->all_stages = !build->executor.options->target || !build->executor.options->target[0];
	int result = load(build, err);
	if (result == 0)
		result = lint_stages(lint, &build->graph, &build->executor.culprit, err);
	lint_sort(lint);
	if (result == 0)
		result = lint_failure(lint, err);
	if ((result == 0 || lint->count) && lint_print(lint, build->file_name, buffer_text(&build->text),
						       build->text.size, &text, result == 0 ? err : NULL) < 0)
		return -1;
	*ret_text = text.size ? buffer_steal(&text) : NULL;
	return result;
}

int build_check(struct store *store, const struct build_options *options, char **ret_text, size_t *ret_count,
		struct error *err)
{
	*ret_text = NULL;
	cleanup_report struct report *report = report_new(options->output_fd, options->progress, 0);
	struct build build = {
		.executor = {.store = store, .options = options, .report = report, .context = context_of(options)},
	};
	report_expect(report, 2); /* Dockerfile, .dockerignore */
	int result = finish(&build, run_check(&build, ret_text, err), err);
	*ret_count = build.lint.count;
	build_release(&build);
	return result;
}

int build_image(struct store *store, const struct build_host *host, const struct build_options *options,
		struct image *ret_image, struct error *err)
{
	if (check_tags(options, err) < 0)
		return -1;
	cleanup_close int lock = -1;
	if (store_lock_content(store, STORE_LOCK_SHARED, &lock, err) < 0)
		return -1;
	cleanup_report struct report *report = report_new(options->output_fd, options->progress, 0);
	struct build build = {
		.executor = {.store = store,
			     .host = host,
			     .options = options,
			     .report = report,
			     .context = context_of(options)},
	};
	struct image image;
	int result = run_build(&build, &image, err);
	/* Steps before one that failed count for the next build, also after a power cut. If not, they are done again.
	 */
	struct error ignored = {0};
	store_settle(store, &ignored);
	report_findings(&build);
	if (finish(&build, result, err) == 0)
		*ret_image = image;
	build_release(&build);
	return result;
}
