/*
 * What a build needs of the engine: an image for FROM, a container for RUN, a file of the web for ADD.
 *
 * The container of a RUN step is a child of the building process and has no record: it is confined like any other, has
 * an address on the bridge, and dies with its parent. Its cgroup and address carry the process's number, so that a
 * later build can tell what a killed one left.
 */
#include "engine/build.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/random.h"
#include "build/cache_document.h"
#include "build/git.h"
#include "build/input.h"
#include "engine/build_layout.h"
#include "engine/build_step.h"
#include "engine/container_config.h"
#include "engine/etc_files.h"
#include "engine/fetch.h"
#include "engine/launch_plan.h"
#include "engine/network.h"
#include "engine/pull.h"
#include "engine/start.h"
#include "runtime/capability.h"
#include "runtime/cgroup.h"
#include "runtime/launch.h"
#include "runtime/seccomp.h"
#include "store/layer_folder.h"

/* The step that a signal has to end; 0: none. */
static volatile pid_t current_step;
static volatile sig_atomic_t was_interrupted;

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};

static void on_signal(int number)
{
	bool is_first = !was_interrupted;
	if (current_step <= 0 && !git_is_running && interrupt_is_deferred()) {
		interrupt_note(number);
		return;
	}
	was_interrupted = number;
	if (current_step > 0) {
		kill(current_step, SIGKILL);
		return;
	}
	if (git_is_running) {
		git_is_interrupted = 1;
		return;
	}
	/* A terminal tells all of us, and the process that waits for its workers tells them again: once the step is
	 * dead the rest is in order, and soon. */
	if (!is_first)
		return;
	/* Between steps there is nothing to take down. */
	signal(number, SIG_DFL);
	raise(number);
}

/* One step's own things, given back by step_release. */
struct step {
	struct engine *engine;
	char *name; /* "build-<pid>-<random>": key of address and cgroup, folder below RUN_ROOT */
	char *cgroup;
	struct container_config config; /* only what the network asks for */
	struct network_plan network;
	struct etc_files etc;
	int *layer_fds;
	size_t layer_count;
	struct seccomp_filter seccomp;
	const struct sock_fprog *filter; /* NULL: --security=insecure */
	struct spec_limit *limits;
	int folder_fd;
};

static void step_release(struct step *step)
{
	struct error ignored = {0};
	bool is_gone = !step->cgroup || cgroup_destroy(step->cgroup, &ignored) == 0;
	network_disconnect(step->engine, step->name, &step->config, &ignored);
	etc_files_close(&step->etc);
	for (size_t i = 0; i < step->layer_count; i++)
		close(step->layer_fds[i]);
	free(step->layer_fds);
	free(step->limits);
	seccomp_filter_release(&step->seccomp);
	if (step->folder_fd >= 0)
		close(step->folder_fd);
	remove_tree_at(step->engine->store->run_root_fd, step->name, &ignored);
	/* By the folder's name the next build finds the group and tries again. */
	if (!is_gone)
		mkdirat(step->engine->store->run_root_fd, step->name, 0700);
	network_plan_release(&step->network);
	container_config_release(&step->config);
	free(step->name);
	free(step->cgroup);
}

static int open_layers(struct step *step, const struct build_run *run, struct error *err)
{
	step->layer_fds = allocate_array(run->diff_id_count, sizeof *step->layer_fds);
	for (size_t i = 0; i < run->diff_id_count; i++) {
		const struct digest *diff_id = &run->diff_ids[run->diff_id_count - 1 - i];
		if (layer_folder_open(step->engine->store->root_fd, diff_id, &step->layer_fds[i], err) < 0)
			return -1;
		step->layer_count++;
	}
	return 0;
}

static int prepare(struct step *step, const struct build_run *run, struct error *err)
{
	cleanup_string_list struct string_list addresses = {0};
	build_step_configure(run, &step->config);
	if (network_plan_container(step->engine, step->name, &step->config, &step->network, err) < 0)
		return -1;
	network_plan_addresses(&step->network, &addresses);
	build_step_add_hosts(run, &step->network, &step->config);
	step->folder_fd = open_folder_at(step->engine->store->run_root_fd, step->name, true, 0700, err);
	struct etc_options etc = {
		.hostname = "buildkitsandbox", /* the name that BuildKit's steps see */
		.addresses = &addresses,
		.extra_hosts = &step->config.extra_hosts,
		.dns = &step->config.dns,
		.shares_host_network = step->config.network == CONTAINER_NETWORK_HOST,
	};
	if (step->folder_fd < 0 || build_step_cgroup(run, step->name, step->folder_fd, &step->cgroup, err) < 0 ||
	    etc_files_write(step->folder_fd, &etc, &step->etc, err) < 0 || open_layers(step, run, err) < 0)
		return -1;
	return launch_seccomp(step->engine, &step->config, &step->seccomp, &step->filter, err);
}

static void fill_environment(const struct build_run *run, struct string_list *environment)
{
	string_list_set_key(environment, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	const struct string_list *lists[] = {&run->config->environment, &run->build_arguments};
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (size_t j = 0; j < lists[i]->count; j++) {
			const char *item = lists[i]->items[j];
			cleanup_free char *key = format_string("%.*s", (int)strcspn(item, "="), item);
			string_list_set_key(environment, key, strchr(item, '=') + 1);
		}
	}
}

static struct spec_mount *make_mounts(const struct build_run *run)
{
	struct spec_mount *mounts = allocate_array(run->mount_count + 1, sizeof *mounts);
	for (size_t i = 0; i < run->mount_count; i++) {
		const struct build_mount *from = &run->mounts[i];
		mounts[i] = (struct spec_mount){
			.kind = from->source_fd < 0 ? SPEC_MOUNT_TMPFS : SPEC_MOUNT_BIND,
			.source_fd = from->source_fd,
			.target = from->target,
			.options = from->options,
			.read_only = from->read_only,
		};
	}
	return mounts;
}

static int wait_for_step(struct runtime_process *process, const struct build_run *run, const sigset_t *mask,
			 int *ret_exit_code, struct error *err)
{
	int status;
	sigset_t held;
	current_step = process->pid;
	/* A signal that came while the step was prepared is delivered here, and ends it. */
	sigprocmask(SIG_SETMASK, mask, &held);
	run->wait(run->wait_context, process->pidfd);
	while (waitpid(process->pid, &status, 0) < 0) {
		if (errno != EINTR) {
			status = SIGKILL;
			break;
		}
	}
	sigprocmask(SIG_SETMASK, &held, NULL);
	current_step = 0;
	close(process->pidfd);
	if (was_interrupted)
		return error_set(err, ERROR_CANCELLED, "interrupted");
	*ret_exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}

static int run_prepared(struct step *step, const struct build_run *run, int output_fd, const sigset_t *mask,
			int *ret_exit_code, struct error *err)
{
	cleanup_close int no_input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct runtime_spec spec = {
		.id = step->name,
		.cgroup = step->cgroup,
		.layer_fds = step->layer_fds,
		.layer_count = step->layer_count,
		.upper_fd = run->upper_fd,
		.work_fd = run->work_fd,
		.hostname_fd = step->etc.hostname_fd,
		.hosts_fd = step->etc.hosts_fd,
		.resolv_conf_fd = step->etc.resolv_conf_fd,
		.hostname = "buildkitsandbox",
		.arguments = (const char *const *)run->arguments.items,
		.working_directory = run->config->working_directory ? run->config->working_directory : "",
		.user = run->config->user ? run->config->user : "",
		.seccomp = step->filter,
		.privileged = step->config.privileged,
		.network = step->config.network == CONTAINER_NETWORK_HOST ? SPEC_NETWORK_HOST : SPEC_NETWORK_OWN,
		.stdio_fds = {no_input, output_fd, output_fd},
		.die_with_parent = true,
	};
	if (container_config_capabilities(&step->config, &spec.capabilities, err) < 0 ||
	    build_step_limit(run, &spec, &step->limits, err) < 0)
		return -1;
	fill_environment(run, &spec.environment);
	cleanup_free struct spec_mount *mounts = make_mounts(run);
	spec.mounts = mounts;
	spec.mount_count = run->mount_count;
	struct runtime_inside inside = {endpoint_configure_inside, &step->network.endpoints};
	bool own_network = spec.network == SPEC_NETWORK_OWN;
	struct runtime_process process = {.pidfd = -1, .sync_fd = -1, .terminal_fd = -1};
	int result = runtime_launch_with(&spec, own_network ? &inside : NULL, &process, err);
	string_list_release(&spec.environment);
	if (result < 0)
		return -1;
	result = network_connect(&step->network, &step->config, process.pid, err);
	if (result < 0)
		runtime_tell_reason(&process, err);
	if (result < 0 || runtime_start(&process, err) < 0) {
		runtime_abandon(&process, step->cgroup);
		return -1;
	}
	return wait_for_step(&process, run, mask, ret_exit_code, err);
}

/* A program that could not be begun is a step that failed, as BuildKit has it, and no failure of ours. */
static int tell_not_invoked(int output_fd, int *ret_exit_code, struct error *err)
{
	if (!err || (err->kind != ERROR_NO_COMMAND && err->kind != ERROR_CANNOT_INVOKE))
		return -1;
	dprintf(output_fd, "%s\n", err->message);
	*ret_exit_code = err->kind == ERROR_NO_COMMAND ? 127 : 255;
	error_clear(err);
	return 0;
}

static int run_step(void *context, const struct build_run *run, int output_fd, int *ret_exit_code, struct error *err)
{
	struct step step = {.engine = context, .etc = ETC_FILES_INIT, .folder_fd = -1};
	container_config_init(&step.config);
	char suffix[9];
	random_hex(suffix, sizeof suffix - 1);
	step.name = format_string("build-%d-%s", (int)getpid(), suffix);
	/* From here until all is given back, a signal waits for wait_for_step. */
	sigset_t held, before;
	sigemptyset(&held);
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++)
		sigaddset(&held, ending_signals[i]);
	sigprocmask(SIG_BLOCK, &held, &before);
	int result = prepare(&step, run, err);
	if (result == 0)
		result = run_prepared(&step, run, output_fd, &before, ret_exit_code, err);
	step_release(&step);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return result < 0 ? tell_not_invoked(output_fd, ret_exit_code, err) : result;
}

static int resolve_image(void *context, const char *name, const struct platform *platform, bool always_pull,
			 struct image *ret_image, struct error *err)
{
	struct engine *engine = context;
	struct platform host;
	struct error why = {0};
	/* An id is of an image that is here, and nowhere else. */
	if (!always_pull || strncmp(name, "sha256:", strlen("sha256:")) == 0) {
		platform_host(&host);
		if (build_find_image(engine->store, name, platform ? platform : &host, ret_image, &why) == 0)
			return 0;
		/* One of another platform is as good as none, as long as there may be a better one. */
		if (why.kind != ERROR_NOT_FOUND && why.kind != ERROR_UNSUPPORTED) {
			*err = why;
			return -1;
		}
	}
	bool is_other = why.kind == ERROR_UNSUPPORTED;
	if (is_other && !platform && !build_image_may_be_elsewhere(engine->store, name, &host))
		return build_find_image(engine->store, name, NULL, ret_image, err);
	cleanup_reference struct reference reference = {0};
	struct pull_outcome outcome;
	if (reference_parse(name, &reference, err) < 0 ||
	    image_pull(engine, &reference, platform, NULL, &outcome, err) < 0) {
		if (is_other && !platform && err->kind != ERROR_CANCELLED) {
			error_clear(err);
			return build_find_image(engine->store, name, NULL, ret_image, err);
		}
		return is_other ? error_wrap(err, "%s", why.message) : -1;
	}
	*ret_image = outcome.image;
	return 0;
}

static int load_layout(void *context, const char *text, const struct platform *platform, struct image *ret_image,
		       struct error *err)
{
	return build_layout_load(context, text, platform, ret_image, err);
}

static int fetch_file(void *context, const char *url, const struct digest *expected, struct build_file *ret_file,
		      struct error *err)
{
	struct engine *engine = context;
	struct fetched_file file;
	if (file_fetch(engine, url, expected, &file, err) < 0)
		return -1;
	*ret_file = (struct build_file){.digest = file.digest, .modified = file.modified};
	return 0;
}

/*
 * What a killed build left below the run folder: its steps' folders and the files of their secrets. A step without a
 * network has no address that would name it, so the folder is read and not the list of addresses.
 */
static void remove_dead_builds(struct engine *engine)
{
	struct error ignored = {0};
	int copy = openat(engine->store->run_root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_directory DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	if (!directory) {
		if (copy >= 0)
			close(copy);
		return;
	}
	const struct dirent *entry;
	while ((entry = readdir(directory))) {
		if (strncmp(entry->d_name, "build-", strlen("build-")) != 0)
			continue;
		long pid = strtol(entry->d_name + strlen("build-"), NULL, 10);
		if (pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
			continue;
		cleanup_free char *cgroup = build_step_find_cgroup(engine->store->run_root_fd, entry->d_name);
		cgroup_destroy(cgroup, &ignored);
		remove_tree_at(engine->store->run_root_fd, entry->d_name, &ignored);
	}
}

static struct build_host host_of(struct engine *engine)
{
	return (struct build_host){.context = engine,
				   .resolve_image = resolve_image,
				   .load_layout = load_layout,
				   .fetch = fetch_file,
				   .run = run_step};
}

/* Every step is in the build cache now, so that going through them once more tells their keys, whoever did them. */
static int find_keys(struct engine *engine, const struct build_host *host, const struct build_options *options,
		     struct string_list *keys, struct error *err)
{
	struct build_options again = *options;
	struct image ignored;
	again.no_cache = again.pull = false;
	again.no_cache_filter = again.tags = (struct string_list){0};
	again.no_image = true;
	again.progress = BUILD_PROGRESS_QUIET;
	again.found_keys = keys;
	return build_image(engine->store, host, &again, &ignored, err) < 0 ? error_wrap(err, "export the build cache")
									   : 0;
}

/* The same image, under a manifest that tells its steps' keys. */
static int add_inline(struct engine *engine, const struct build_host *host, const struct build_options *options,
		      const struct string_list *keys, struct image *image, struct error *err)
{
	cleanup_free char *text = NULL;
	struct build_options again = *options;
	if (build_cache_describe(engine, keys, &image->id, false, &text, err) < 0)
		return -1;
	again.annotations = (struct string_list){0};
	string_list_copy(&again.annotations, &options->annotations);
	string_list_set_key(&again.annotations, CACHE_ANNOTATION, text);
	again.no_cache = again.pull = false;
	again.no_cache_filter = (struct string_list){0};
	again.progress = BUILD_PROGRESS_QUIET;
	int result = build_image(engine->store, host, &again, image, err);
	string_list_release(&again.annotations);
	return result;
}

static int export_caches(struct engine *engine, const struct build_host *host, const struct build_options *options,
			 const struct build_cache_specs *specs, struct image *image, struct error *err)
{
	cleanup_string_list struct string_list keys = {0};
	if (!specs->count)
		return 0;
	if (find_keys(engine, host, options, &keys, err) < 0)
		return -1;
	for (size_t i = 0; i < specs->count; i++) {
		const struct build_cache_spec *spec = &specs->items[i];
		struct error why = {0};
		int result = spec->kind == BUILD_CACHE_INLINE
				     ? add_inline(engine, host, options, &keys, image, &why)
				     : build_cache_export(engine, spec, &keys, &image->id, &why);
		if (result == 0)
			continue;
		if (!spec->ignores_errors) {
			*err = why;
			return -1;
		}
		if (options->progress != BUILD_PROGRESS_QUIET)
			dprintf(options->output_fd, "WARNING: %s\n", why.message);
	}
	return 0;
}

int engine_build(struct engine *engine, const struct build_job *job, struct image *ret_image, int *ret_content_lock,
		 struct error *err)
{
	/* Without SA_RESTART: a wait for the step ends, and the build takes itself down in order. */
	struct sigaction action = {.sa_handler = on_signal};
	struct sigaction before[ARRAY_SIZE(ending_signals)];
	struct build_host host = host_of(engine);
	cleanup_build_input struct build_input input;
	struct error ignored = {0};
	cleanup_close int lock = -1;
	/* Contexts and checkouts of builds that were killed; not while anybody adds content, and so before we do. */
	store_collect_staging(engine->store, &ignored);
	if (store_lock_content(engine->store, STORE_LOCK_SHARED, &lock, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++)
		sigaction(ending_signals[i], &action, &before[i]);
	was_interrupted = git_is_interrupted = 0;
	if (build_input_open(engine->store, &host, job->options, &input, err) < 0) {
		for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++)
			sigaction(ending_signals[i], &before[i], NULL);
		return -1;
	}
	network_release_dead_builds(engine);
	remove_dead_builds(engine);
	cleanup_build_caches struct build_caches *caches = NULL;
	if (job->caches_from->count) {
		bool is_quiet = job->options->progress == BUILD_PROGRESS_QUIET;
		host.caches = caches =
			build_caches_open(engine, job->caches_from, is_quiet ? -1 : job->options->output_fd);
		host.import = build_caches_import;
	}
	int result = build_image(engine->store, &host, &input.options, ret_image, err);
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++)
		sigaction(ending_signals[i], &before[i], NULL);
	if (was_interrupted && result == 0)
		return error_set(err, ERROR_CANCELLED, "interrupted");
	if (result < 0 || export_caches(engine, &host, &input.options, job->caches_to, ret_image, err) < 0)
		return -1;
	*ret_content_lock = steal_fd(&lock);
	return 0;
}

int engine_build_check(struct engine *engine, const struct build_options *options, char **ret_text, size_t *ret_count,
		       struct error *err)
{
	*ret_text = NULL;
	const struct build_host host = host_of(engine);
	cleanup_build_input struct build_input input;
	if (build_input_open(engine->store, &host, options, &input, err) < 0)
		return -1;
	return build_check(engine->store, &input.options, ret_text, ret_count, err);
}
