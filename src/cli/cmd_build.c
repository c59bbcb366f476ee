#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "build/secret.h"
#include "cli/command.h"
#include "engine/build.h"

static int parse_progress(const char *text, enum build_progress *ret_progress, struct error *err)
{
	static const char *const names[] = {"auto", "plain", "tty", "quiet"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_progress = (enum build_progress)i;
			return 0;
		}
	}
	return error_set(err, ERROR_USAGE, "invalid progress \"%s\": auto, plain, tty and quiet are known", text);
}

static int run_build(struct invocation *invocation, const struct build_options *build, const char *id_file,
		     struct error *err)
{
	cleanup_engine struct engine *engine = NULL;
	struct image image;
	if (command_open_engine(invocation, &engine, err) < 0 || engine_build(engine, build, &image, err) < 0)
		return -1;
	if (id_file) {
		FILE *file = fopen(id_file, "we");
		if (!file || fputs(image.id.text, file) < 0 || fclose(file) != 0)
			return error_set_errno(err, errno, "write the image ID to %s", id_file);
	}
	if (build->progress == BUILD_PROGRESS_QUIET)
		printf("%s\n", image.id.text);
	return 0;
}

int cmd_build(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	struct build_options build = {.output_fd = STDERR_FILENO};
	const char *progress = "auto", *id_file = NULL;
	bool quiet = false;
	const struct option options[] = {
		OPTION_LIST(0, "build-arg", &build.build_arguments, "list", "Set build-time variables"),
		OPTION_STRING('f', "file", &build.dockerfile, "string",
			      "Name of the Dockerfile (default: \"PATH/Dockerfile\")"),
		OPTION_STRING(0, "iidfile", &id_file, "string", "Write the image ID to a file"),
		OPTION_LIST(0, "label", &build.labels, "list", "Set metadata for an image"),
		OPTION_FLAG(0, "no-cache", &build.no_cache, "Do not use cache when building the image"),
		OPTION_STRING(0, "progress", &progress, "string",
			      "Set type of progress output: auto, plain, tty, quiet"),
		OPTION_FLAG(0, "pull", &build.pull, "Always attempt to pull all referenced images"),
		OPTION_FLAG('q', "quiet", &quiet, "Suppress the build output and print image ID on success"),
		OPTION_LIST(0, "secret", &build.secrets, "stringArray",
			    "Secret to expose to the build (format: \"id=mysecret[,src=/local/secret]\")"),
		OPTION_LIST('t', "tag", &build.tags, "list", "Name and optionally a tag (format: \"name:tag\")"),
		OPTION_STRING(0, "target", &build.target, "string", "Set the target build stage to build"),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result == 0)
		result = parse_progress(quiet ? "quiet" : progress, &build.progress, err);
	if (result == 0)
		result = secret_check(&build.secrets, err);
	if (result == 0) {
		build.context_path = arguments[0];
		result = run_build(invocation, &build, id_file, err);
	}
	string_list_release(&build.build_arguments);
	string_list_release(&build.labels);
	string_list_release(&build.secrets);
	string_list_release(&build.tags);
	return result < 0 ? -1 : 0;
}
