/*
 * RUN. The container is the host's business: it gets the layers, an upper and a work folder, the arguments and the
 * environment, and a pipe for the output.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/random.h"
#include "build/executor_mount.h"
#include "build/predefined.h"

#define SCRIPT_NAME_SIZE 40

/* The arguments, and for a heredoc that begins with "#!" its text in ret_script. */
static int make_arguments(const struct step *step, struct string_list *arguments, const char **ret_script,
			  struct error *err)
{
	const struct instruction *instruction = step->instruction;
	*ret_script = NULL;
	if (instruction->is_exec_form) {
		string_list_copy(arguments, &instruction->arguments);
		return 0;
	}
	const char *text = instruction->arguments.items[0];
	const struct heredoc *first = instruction->heredocs;
	bool only_heredoc = instruction_is_heredoc(instruction);
	if (only_heredoc && strncmp(first->content, "#!", 2) == 0) {
		*ret_script = first->content;
		return 0;
	}
	if (only_heredoc) {
		settings_shell_command(&step->stage->config, first->content, arguments);
		return 0;
	}
	cleanup_buffer struct buffer whole = BUFFER_INIT(2 * DOCKERFILE_SIZE_LIMIT);
	if (buffer_append_string(&whole, text, err) < 0)
		return -1;
	for (size_t i = 0; i < instruction->heredoc_count; i++)
		if (buffer_append_format(&whole, err, "\n%s%s", instruction->heredocs[i].content,
					 instruction->heredocs[i].name) < 0)
			return -1;
	settings_shell_command(&step->stage->config, buffer_text(&whole), arguments);
	return 0;
}

/* "|1 ASSIGN=a3 /bin/sh -c make", as BuildKit's history has it. */
static char *history_text(const struct step *step, const struct string_list *arguments)
{
	cleanup_string_list struct string_list words = {0};
	const struct string_list *declared = &step->stage->declared;
	if (declared->count)
		string_list_add_format(&words, "|%zu", declared->count);
	for (size_t i = 0; i < declared->count; i++) {
		cleanup_free char *key = duplicate_bytes(declared->items[i], strcspn(declared->items[i], "="));
		const char *value = string_list_get_key(&step->stage->config.environment, key);
		if (value)
			string_list_add_format(&words, "%s=%s", key, value);
		else
			string_list_add(&words, declared->items[i]);
	}
	for (size_t i = 0; i < arguments->count; i++)
		string_list_add(&words, arguments->items[i]);
	cleanup_free char *text = string_list_join(&words, " ");
	return format_string("RUN %s", text);
}

/* ARGs that no ENV hides. */
static void add_build_arguments(const struct step *step, struct string_list *ret_arguments)
{
	const struct string_list *arguments = &step->stage->arguments;
	for (size_t i = 0; i < arguments->count; i++) {
		cleanup_free char *key = duplicate_bytes(arguments->items[i], strcspn(arguments->items[i], "="));
		if (!string_list_get_key(&step->stage->config.environment, key))
			string_list_add(ret_arguments, arguments->items[i]);
	}
}

/* Proxies need no ARG, and are in no key and no history: they change the way to a result, not the result. */
static void add_proxies(const struct step *step, struct string_list *ret_arguments)
{
	const struct string_list *given = &step->executor->build_arguments;
	for (size_t i = 0; i < given->count; i++) {
		cleanup_free char *key = duplicate_bytes(given->items[i], strcspn(given->items[i], "="));
		if (build_argument_is_proxy(key) && !string_list_get_key(ret_arguments, key) &&
		    !string_list_get_key(&step->stage->config.environment, key))
			string_list_add(ret_arguments, given->items[i]);
	}
}

static int put_script(int upper_fd, const char *script, char name[SCRIPT_NAME_SIZE], struct error *err)
{
	char random[17];
	random_hex(random, 16);
	snprintf(name, SCRIPT_NAME_SIZE, ".coracle-heredoc-%s", random);
	cleanup_close int fd = openat(upper_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	if (fd < 0 || fchmod(fd, 0755) < 0)
		return error_set_errno(err, errno, "write the heredoc's script");
	return write_full(fd, script, strlen(script), err);
}

static int run_in_container(struct step *step, struct build_run *run, struct error *err)
{
	struct executor *executor = step->executor;
	int output_fd = -1, exit_code = -1;
	if (report_output_begin(executor->report, step->number, &output_fd, err) < 0)
		return -1;
	run->wait = report_output_wait;
	run->wait_context = executor->report;
	int result = executor->host->run(executor->host->context, run, output_fd, &exit_code, err);
	close(output_fd);
	report_output_end(executor->report);
	executor->has_log = true;
	if (result < 0)
		return -1;
	if (exit_code != 0) {
		cleanup_free char *text = string_list_join(&run->arguments, " ");
		if (strlen(text) > 1500)
			strncpy(text + 1500, "...", 4);
		return error_set(err, ERROR_INVALID, "process \"%s\" did not complete successfully: exit code: %d",
				 text, exit_code);
	}
	executor->has_log = false;
	return 0;
}

/*
 * Files of /etc that a container has from its host are mounted; where the image has none, what they were mounted on is
 * in the step's layer. A step cannot have put them there itself: what it writes goes into the mounts.
 */
static int remove_stubs(int upper_fd, struct error *err)
{
	static const char *const names[] = {"hostname", "hosts", "resolv.conf"};
	cleanup_close int etc = open_in_root(upper_fd, "etc", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	for (size_t i = 0; etc >= 0 && i < ARRAY_SIZE(names); i++) {
		struct stat status;
		if (fstatat(etc, names[i], &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
		    status.st_size == 0 && unlinkat(etc, names[i], 0) < 0)
			return error_set_errno(err, errno, "remove etc/%s", names[i]);
	}
	return 0;
}

static int run_step(struct step *step, struct build_run *run, struct step_mounts *mounts, const char *script,
		    const struct digest *key, const char *created_by, struct error *err)
{
	cleanup_step_folders struct step_folders folders = STEP_FOLDERS_INIT;
	char name[SCRIPT_NAME_SIZE];
	if (step_mounts_open(step, mounts, &run->build_arguments, err) < 0 ||
	    step_folders_begin(step, &folders, err) < 0)
		return -1;
	run->mounts = mounts->ready;
	run->mount_count = mounts->ready_count;
	run->upper_fd = folders.upper.folder_fd;
	run->work_fd = folders.work.folder_fd;
	if (script) {
		if (put_script(run->upper_fd, script, name, err) < 0)
			return -1;
		string_list_release(&run->arguments);
		string_list_add_format(&run->arguments, "/%s", name);
	}
	if (run_in_container(step, run, err) < 0)
		return -1;
	if (script && unlinkat(run->upper_fd, name, 0) < 0 && errno != ENOENT)
		return error_set_errno(err, errno, "remove the heredoc's script");
	if (step_mounts_clean(mounts, run->upper_fd, err) < 0 || remove_stubs(run->upper_fd, err) < 0)
		return -1;
	return step_commit(step, &folders, key, 1, created_by, err);
}

static enum build_network network_of(const struct build_step_options *options, const struct instruction *run)
{
	if (!run->network)
		return options->network;
	return strcmp(run->network, "host") == 0 ? BUILD_NETWORK_HOST : BUILD_NETWORK_NONE;
}

/* --network=host of the command line allows it too: who wrote that is who would write --allow. */
static int check_rights(const struct build_step_options *options, const struct instruction *run, struct error *err)
{
	const char *wanted = NULL;
	if (network_of(options, run) == BUILD_NETWORK_HOST && options->network != BUILD_NETWORK_HOST &&
	    !string_list_contains(&options->allow, "network.host"))
		wanted = "network.host";
	else if (run->is_insecure && !string_list_contains(&options->allow, "security.insecure"))
		wanted = "security.insecure";
	return wanted ? error_set(err, ERROR_DENIED, "failed to load LLB: %s is not allowed; --allow %s permits it",
				  wanted, wanted)
		      : 0;
}

int executor_check_rights(struct executor *executor, struct error *err)
{
	for (size_t i = 0; i < executor->graph->count; i++) {
		const struct build_stage *stage = &executor->graph->stages[i];
		for (size_t j = 0; stage->needed && j < stage->instruction_count; j++) {
			const struct instruction *instruction = &stage->instructions[j];
			if (instruction->kind != INSTRUCTION_RUN ||
			    check_rights(&executor->options->steps, instruction, err) == 0)
				continue;
			executor->culprit = instruction;
			return -1;
		}
	}
	return 0;
}

/* A trigger of a base image is seen here for the first time. */
static int set_rights(const struct step *step, struct build_run *run, struct error *err)
{
	run->options = &step->executor->options->steps;
	run->network = network_of(run->options, step->instruction);
	run->is_insecure = step->instruction->is_insecure;
	return check_rights(run->options, step->instruction, err);
}

/* What a step can find out about its container; of limits only those that it can read. */
static void add_options_key(const struct build_run *run, struct cache_key *key)
{
	cache_key_add_number(key, run->network);
	cache_key_add_number(key, run->is_insecure);
	cache_key_add_list(key, &run->options->extra_hosts);
	cache_key_add_list(key, &run->options->ulimits);
	cache_key_add_number(key, (uint64_t)run->options->shm_bytes);
}

int executor_run(struct step *step, struct error *err)
{
	struct stage_state *stage = step->stage;
	size_t count = stage->config.diff_id_count;
	cleanup_free struct digest *layers = allocate_array(count + 1, sizeof *layers);
	struct build_run run = {
		.diff_ids = layers,
		.diff_id_count = rootfs_unique_layers(stage->config.diff_ids, count, layers),
		.config = &stage->config,
	};
	const char *script;
	struct step_mounts mounts = {0};
	step_begin(step);
	int result = set_rights(step, &run, err);
	if (result == 0)
		result = step_mounts_parse(step, &mounts, err);
	if (result == 0)
		result = make_arguments(step, &run.arguments, &script, err);
	if (result == 0) {
		struct string_list shown = {0};
		if (script)
			string_list_add(&shown, step->instruction->arguments.items[0]);
		cleanup_free char *created_by = history_text(step, script ? &shown : &run.arguments);
		string_list_release(&shown);
		add_build_arguments(step, &run.build_arguments);
		struct cache_key *key = cache_key_begin(&stage->key, "RUN");
		cache_key_add_list(key, &run.arguments);
		cache_key_add_text(key, script);
		cache_key_add_list(key, &run.build_arguments);
		cache_key_add_number(key, (uint64_t)step->executor->epoch);
		add_options_key(&run, key);
		result = step_mounts_add_key(step, &mounts, key, err);
		struct digest digest;
		cache_key_finish(key, &digest);
		add_proxies(step, &run.build_arguments);
		if (result == 0)
			result = step_find_cached(step, &digest, created_by, err);
		if (result == 0)
			result = run_step(step, &run, &mounts, script, &digest, created_by, err);
	}
	step_mounts_release(step, &mounts);
	string_list_release(&run.arguments);
	string_list_release(&run.build_arguments);
	return result < 0 ? step_fail(step, err) : 0;
}
