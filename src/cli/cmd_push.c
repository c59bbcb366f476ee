#include <unistd.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "engine/push.h"

/* The story's tip: a build that nobody tagged with the registry's name. The push goes on: it may be meant. */
static void warn_of_newer_build(struct engine *engine, const struct reference *reference)
{
	cleanup_free char *newer = NULL;
	struct error ignored = {0};
	if (image_find_newer_build(engine, reference, &newer, &ignored) < 0 || !newer)
		return;
	cleanup_free char *text = reference_familiar_text(reference);
	fprintf(stderr,
		"WARNING: %s was built later than the image that %s names, and is not pushed. To push it:\n"
		"  coracle image tag %s %s && coracle image push %s\n",
		newer, text, newer, text, text);
}

struct push_arguments {
	const char *name, *platform_name, *progress_name, *compression;
	int64_t level;
	bool all_tags, quiet, without_trust, verify_tls;
	struct platform platform;
	struct reference reference;
	enum progress_style style;
};

static int check(struct push_arguments *arguments, struct error *err)
{
	if (!arguments->without_trust)
		return error_set(err, ERROR_UNSUPPORTED,
				 "images cannot be signed here: leave out "
				 "--disable-content-trust=false");
	if (arguments->all_tags && reference_text_has_tag(arguments->name))
		return error_set(err, ERROR_INVALID, "tag can't be used with --all-tags/-a");
	if (progress_style_parse(arguments->progress_name, arguments->quiet, &arguments->style, err) < 0 ||
	    (arguments->platform_name && platform_parse(arguments->platform_name, &arguments->platform, err) < 0))
		return -1;
	return reference_parse(arguments->name, &arguments->reference, err);
}

static int push(struct invocation *invocation, const struct push_arguments *arguments, struct error *err)
{
	const struct reference *reference = &arguments->reference;
	const struct push_options options = {.platform = arguments->platform_name ? &arguments->platform : NULL,
					     .compression = arguments->compression,
					     .level = arguments->level};
	cleanup_engine struct engine *engine = NULL;
	cleanup_progress struct progress *progress = progress_new_styled(STDOUT_FILENO, arguments->style);
	const struct transfer_progress *transfer = progress_transfer(progress);
	struct error why = {0};
	if (!reference->domain_is_implied)
		registry_request_prepare();
	int result = command_open_engine(invocation, &engine, &why);
	if (result == 0 && !arguments->all_tags && !reference->domain_is_implied)
		warn_of_newer_build(engine, reference);
	if (result == 0) {
		engine->is_insecure = !arguments->verify_tls;
		result = arguments->all_tags ? image_push_all_tags(engine, reference, &options, transfer, &why)
					     : image_push(engine, reference, &options, transfer, &why);
	}
	if (result < 0) {
		*err = why;
		return progress_fail(progress, err);
	}
	if (arguments->style == PROGRESS_QUIET && !arguments->all_tags) {
		cleanup_free char *text = reference_text(reference);
		printf("%s\n", text);
	}
	return 0;
}

int cmd_push(struct invocation *invocation, int count, char **words, struct error *err)
{
	struct push_arguments arguments = {.without_trust = true, .verify_tls = true};
	const struct option options[] = {
		OPTION_FLAG('a', "all-tags", &arguments.all_tags, "Push all tags of an image to the repository"),
		OPTION_STRING(0, "compression", &arguments.compression, "string",
			      "Compress layers that are not in this form yet: gzip or zstd"),
		OPTION_INTEGER(0, "compression-level", &arguments.level, "int",
			       "Level of what is compressed: gzip 1 to 12, zstd 1 to 22"),
		OPTION_FLAG(0, "disable-content-trust", &arguments.without_trust, "Skip image signing (default true)"),
		OPTION_STRING(0, "platform", &arguments.platform_name, "string",
			      "Push the image only if it is for this platform, such as linux/amd64"),
		OPTION_PROGRESS(&arguments.progress_name),
		OPTION_FLAG('q', "quiet", &arguments.quiet, "Suppress verbose output"),
		OPTION_TLS_VERIFY(&arguments.verify_tls),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, words, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	arguments.name = words[0];
	result = check(&arguments, err) < 0 || push(invocation, &arguments, err) < 0 ? -1 : 0;
	reference_release(&arguments.reference);
	return result;
}
