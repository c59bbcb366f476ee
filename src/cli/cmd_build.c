#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "build/secret.h"
#include "build/ssh_forward.h"
#include "cli/build_options.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "engine/build.h"
#include "engine/build_gc.h"
#include "engine/build_step.h"
#include "engine/push.h"

static int parse_progress(const char *text, enum build_progress *ret_progress, struct error *err)
{
	static const char *const names[] = {"auto", "plain", "tty", "quiet", "json"};
	/* Docker's own name for it. */
	if (strcmp(text, "rawjson") == 0)
		text = "json";
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_progress = (enum build_progress)i;
			return 0;
		}
	}
	return error_set(err, ERROR_USAGE,
			 "invalid progress \"%s\": auto, plain, tty, quiet, json and rawjson are known", text);
}

/* Where results are written, beside the store. */
struct result_files {
	const char *id, *metadata;
};

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

/* "a,b" */
static void split_list(const char *text, struct string_list *ret_items)
{
	for (const char *at = text; *at;) {
		size_t length = strcspn(at, ",");
		if (length)
			string_list_take(ret_items, duplicate_bytes(at, length));
		at += length + (at[length] == ',');
	}
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

static int run_build(struct invocation *invocation, const struct build_job *job, const struct result_files *files,
		     const struct build_outputs *outputs, struct error *err)
{
	const struct build_options *build = job->options;
	cleanup_engine struct engine *engine = NULL;
	cleanup_free char *metadata = NULL;
	struct image image;
	cleanup_close int lock = -1;
	/* What is exported must still be there after the build. */
	if (remove_stale(files->id, err) < 0 || remove_stale(files->metadata, err) < 0 ||
	    command_open_engine(invocation, &engine, err) < 0 ||
	    store_lock_content(engine->store, STORE_LOCK_SHARED, &lock, err) < 0)
		return -1;
	if (engine_build(engine, job, &image, err) < 0 || write_outputs(engine, outputs, build, &image, err) < 0)
		return -1;
	if (files->id && write_result(files->id, image.id.text, "image ID", err) < 0)
		return -1;
	if (files->metadata && (build_metadata(engine, build, &image, &metadata, err) < 0 ||
				write_result(files->metadata, metadata, "metadata", err) < 0))
		return -1;
	if (build->progress == BUILD_PROGRESS_QUIET && !build->no_image)
		printf("%s\n", image.id.text);
	build_gc_start(engine);
	return 0;
}

/* --call: what is asked of the Dockerfile. */
static int parse_call(const char *text, bool *ret_check, struct error *err)
{
	*ret_check = strcmp(text, "check") == 0;
	if (*ret_check || strcmp(text, "build") == 0)
		return 0;
	return error_set(err, ERROR_UNSUPPORTED, "--call %s is not supported: build and check are known", text);
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

/* What is told before anything is built. */
static int check_inputs(struct build_options *build, const char *network, struct error *err)
{
	if (build_step_check(&build->steps, network, err) < 0 || secret_check(&build->secrets, err) < 0)
		return -1;
	return ssh_forward_check(&build->ssh, err);
}

static void release_lists(struct build_options *build)
{
	struct string_list *const lists[] = {&build->annotations,   &build->build_arguments,
					     &build->labels,	    &build->no_cache_filter,
					     &build->secrets,	    &build->ssh,
					     &build->tags,	    &build->steps.allow,
					     &build->steps.ulimits, &build->steps.extra_hosts};
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		string_list_release(lists[i]);
}

static void split_lists(const struct string_list *texts, struct string_list *ret_items)
{
	for (size_t i = 0; i < texts->count; i++)
		split_list(texts->items[i], ret_items);
}

struct build_caches_asked {
	struct build_cache_specs from, to;
};

/* The arguments that build_options.c knows, and what they change of the build's options. */
static int take_more(const struct build_arguments *more, struct build_options *build, struct build_outputs *ret_outputs,
		     struct build_caches_asked *ret_caches, struct error *err)
{
	const struct build_output_options options = {
		.texts = &more->outputs,
		.tags = &build->tags,
		.annotations = &more->annotations,
		.load = more->load,
		.push = more->push,
	};
	if (build_arguments_check(more, err) < 0 || build_outputs_parse(&options, ret_outputs, err) < 0)
		return -1;
	build_outputs_apply(ret_outputs, build);
	if (build_cache_specs_parse(&more->caches_from, false, NULL, &ret_caches->from, err) < 0)
		return -1;
	return build_cache_specs_parse(&more->caches_to, true, &build->build_arguments, &ret_caches->to, err);
}

int cmd_build(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	struct build_options build = {.output_fd = STDERR_FILENO};
	const char *progress = "auto", *call = "build", *network = "default";
	struct result_files files = {0};
	struct string_list filters = {0};
	cleanup_build_arguments struct build_arguments more;
	cleanup_build_outputs struct build_outputs outputs = {0};
	struct build_caches_asked caches = {0};
	const struct build_job job = {&build, &caches.from, &caches.to};
	bool quiet = false, check = false;
	struct build_step_options *steps = &build.steps;
	const struct option options[] = {
		OPTION_LIST(0, "add-host", &steps->extra_hosts, "strings",
			    "Add a custom host-to-IP mapping (format: \"host:ip\")"),
		OPTION_LIST(0, "allow", &steps->allow, "stringArray",
			    "Allow extra privileged entitlement (e.g., \"network.host\", \"security.insecure\")"),
		OPTION_LIST(0, "build-arg", &build.build_arguments, "list", "Set build-time variables"),
		OPTION_STRING(0, "call", &call, "string", "Set method for evaluating build (\"build\", \"check\")"),
		OPTION_STRING(0, "cgroup-parent", &steps->cgroup_parent, "string",
			      "Set the parent cgroup for the \"RUN\" instructions during build"),
		OPTION_FLAG(0, "check", &check, "Shorthand for \"--call=check\""),
		OPTION_INTEGER(0, "cpu-period", &steps->cpu_period, "int",
			       "Limit the CPU CFS (Completely Fair Scheduler) period"),
		OPTION_INTEGER(0, "cpu-quota", &steps->cpu_quota, "int",
			       "Limit the CPU CFS (Completely Fair Scheduler) quota"),
		OPTION_INTEGER('c', "cpu-shares", &steps->cpu_shares, "int", "CPU shares (relative weight)"),
		OPTION_STRING(0, "cpuset-cpus", &steps->cpuset_cpus, "string",
			      "CPUs in which to allow execution (0-3, 0,1)"),
		OPTION_STRING(0, "cpuset-mems", &steps->cpuset_mems, "string",
			      "MEMs in which to allow execution (0-3, 0,1)"),
		OPTION_STRING('f', "file", &build.dockerfile, "string",
			      "Name of the Dockerfile (default: \"PATH/Dockerfile\")"),
		OPTION_STRING(0, "iidfile", &files.id, "string", "Write the image ID to a file"),
		OPTION_LIST(0, "label", &build.labels, "list", "Set metadata for an image"),
		OPTION_BYTES('m', "memory", &steps->memory, "Memory limit"),
		OPTION_SWAP(0, "memory-swap", &steps->memory_swap,
			    "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
		OPTION_STRING(0, "metadata-file", &files.metadata, "string", "Write build result metadata to a file"),
		OPTION_STRING(0, "network", &network, "string",
			      "Set the networking mode for the \"RUN\" instructions during build"),
		OPTION_FLAG(0, "no-cache", &build.no_cache, "Do not use cache when building the image"),
		OPTION_LIST(0, "no-cache-filter", &filters, "stringArray", "Do not cache specified stages"),
		OPTION_STRING(0, "progress", &progress, "string",
			      "Set type of progress output: auto, plain, tty, quiet, json, rawjson"),
		OPTION_FLAG(0, "pull", &build.pull, "Always attempt to pull all referenced images"),
		OPTION_FLAG('q', "quiet", &quiet, "Suppress the build output and print image ID on success"),
		OPTION_LIST(0, "secret", &build.secrets, "stringArray",
			    "Secret to expose to the build (format: \"id=mysecret[,src=/local/secret]\")"),
		OPTION_BYTES(0, "shm-size", &steps->shm_bytes, "Shared memory size for build containers"),
		OPTION_LIST(0, "ssh", &build.ssh, "stringArray",
			    "SSH agent socket or keys to expose to the build (format: "
			    "\"default|<id>[=<socket>|<key>[,<key>]]\")"),
		OPTION_LIST('t', "tag", &build.tags, "list", "Name and optionally a tag (format: \"name:tag\")"),
		OPTION_STRING(0, "target", &build.target, "string", "Set the target build stage to build"),
		OPTION_LIST(0, "ulimit", &steps->ulimits, "ulimit", "Ulimit options"),
		OPTION_END,
	};
	struct option table[BUILD_OPTION_LIMIT];
	build_arguments_init(&more);
	build_options_table(&more, options, table);
	int result = command_options(invocation, table, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result == 0)
		result = check_inputs(&build, network, err);
	if (result == 0)
		result = parse_progress(quiet ? "quiet" : progress, &build.progress, err);
	if (result == 0 && !check)
		result = parse_call(call, &check, err);
	if (result == 0) {
		build.context_path = arguments[0];
		split_lists(&filters, &build.no_cache_filter);
		result = take_more(&more, &build, &outputs, &caches, err);
	}
	if (result == 0 && check)
		result = run_check(invocation, &build, err);
	else if (result == 0)
		result = run_build(invocation, &job, &files, &outputs, err);
	release_lists(&build);
	build_cache_specs_release(&caches.from);
	build_cache_specs_release(&caches.to);
	string_list_release(&filters);
	return result < 0 ? -1 : 0;
}
