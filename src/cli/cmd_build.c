#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "cli/build_options.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "engine/build.h"
#include "engine/build_gc.h"
#include "engine/build_output.h"
#include "engine/push.h"

static int write_result(const char *path, const char *text, const char *what, struct error *err)
{
	cleanup_atomic_output struct atomic_output file = ATOMIC_OUTPUT_INIT;
	if (atomic_output_open(path, 0644, &file, err) < 0 || write_full(file.fd, text, strlen(text), err) < 0 ||
	    atomic_output_commit(&file, err) < 0)
		return error_wrap(err, "write the %s to %s", what, path);
	return 0;
}

/* What an earlier build wrote would be taken for ours if we fail. What is no file (/dev/stdout) stays. */
static int remove_stale(const char *path, struct error *err)
{
	struct stat status;
	if (!path || lstat(path, &status) < 0 || !S_ISREG(status.st_mode) || unlink(path) == 0)
		return 0;
	return error_set_errno(err, errno, "remove the old %s", path);
}

static int push_output(struct engine *engine, const struct build_output *output, const struct build_options *build,
		       struct error *err)
{
	cleanup_progress struct progress *progress =
		progress_new(build->output_fd, build->progress == BUILD_PROGRESS_QUIET);
	const struct push_options options = {.compression = output->compression, .level = output->level};
	bool was_insecure = engine->is_insecure;
	int result = 0;
	engine->is_insecure = was_insecure || output->is_insecure;
	for (size_t i = 0; i < output->names.count && result == 0; i++) {
		cleanup_reference struct reference reference = {0};
		result = reference_parse(output->names.items[i], &reference, err) < 0 ||
					 image_push(engine, &reference, &options, progress_transfer(progress), err) < 0
				 ? -1
				 : 0;
	}
	engine->is_insecure = was_insecure;
	return result;
}

static int write_outputs(struct engine *engine, const struct build_outputs *outputs, const struct build_options *build,
			 const struct image *image, struct error *err)
{
	for (size_t i = 0; i < outputs->count; i++)
		if (build_output_write(engine, &outputs->items[i], build, image, err) < 0)
			return -1;
	for (size_t i = 0; i < outputs->count; i++)
		if (outputs->items[i].push && push_output(engine, &outputs->items[i], build, err) < 0)
			return -1;
	return 0;
}

struct build_caches_asked {
	struct build_cache_specs from, to;
};

static int run_build(struct invocation *invocation, const struct build_arguments *arguments,
		     const struct build_caches_asked *caches, const struct build_outputs *outputs, struct error *err)
{
	const struct build_options *build = &arguments->build;
	const struct build_job job = {build, &caches->from, &caches->to};
	const char *id_file = arguments->id_file, *metadata_file = arguments->metadata_file;
	cleanup_engine struct engine *engine = NULL;
	cleanup_free char *metadata = NULL;
	struct image image;
	cleanup_close int lock = -1;
	if (remove_stale(id_file, err) < 0 || remove_stale(metadata_file, err) < 0 ||
	    command_open_engine(invocation, &engine, err) < 0 || engine_build(engine, &job, &image, &lock, err) < 0 ||
	    write_outputs(engine, outputs, build, &image, err) < 0)
		return -1;
	if (id_file && write_result(id_file, image.id.text, "image ID", err) < 0)
		return -1;
	if (metadata_file && (build_metadata(engine, build, &image, &metadata, err) < 0 ||
			      write_result(metadata_file, metadata, "metadata", err) < 0))
		return -1;
	if (build->progress == BUILD_PROGRESS_QUIET && !build->no_image)
		printf("%s\n", image.id.text);
	build_gc_start(engine);
	return 0;
}

/* Warnings are no error, but exit code 1 tells of them. */
static int run_check(struct invocation *invocation, const struct build_options *build, struct error *err)
{
	cleanup_engine struct engine *engine = NULL;
	cleanup_free char *text = NULL;
	size_t count = 0;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	int result = engine_build_check(engine, build, &text, &count, err);
	if (text)
		fputs(text, stdout);
	invocation->exit_code = count > 0;
	return result;
}

static int take_destinations(struct build_arguments *arguments, struct build_outputs *ret_outputs,
			     struct build_caches_asked *ret_caches, struct error *err)
{
	struct build_options *build = &arguments->build;
	const struct build_output_options options = {
		.texts = &arguments->outputs,
		.tags = &build->tags,
		.annotations = &build->annotations,
		.load = arguments->load,
		.push = arguments->push,
	};
	if (build_outputs_parse(&options, ret_outputs, err) < 0)
		return -1;
	build_outputs_apply(ret_outputs, build);
	if (build_cache_specs_parse(&arguments->caches_from, false, NULL, &ret_caches->from, err) < 0)
		return -1;
	return build_cache_specs_parse(&arguments->caches_to, true, &build->build_arguments, &ret_caches->to, err);
}

int cmd_build(struct invocation *invocation, int count, char **words, struct error *err)
{
	cleanup_build_arguments struct build_arguments arguments;
	struct option table[BUILD_OPTION_COUNT];
	build_arguments_init(&arguments);
	build_options_table(&arguments, table);
	int result = command_options(invocation, table, OPTIONS_ANYWHERE, &count, words, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	arguments.build.context_path = words[0];
	cleanup_build_outputs struct build_outputs outputs = {0};
	struct build_caches_asked caches = {0};
	if (build_arguments_check(&arguments, err) < 0 || take_destinations(&arguments, &outputs, &caches, err) < 0)
		result = -1;
	else if (arguments.check)
		result = run_check(invocation, &arguments.build, err);
	else
		result = run_build(invocation, &arguments, &caches, &outputs, err);
	build_cache_specs_release(&caches.from);
	build_cache_specs_release(&caches.to);
	return result;
}
