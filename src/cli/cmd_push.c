#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "engine/push.h"

static bool names_tag_or_digest(const char *text)
{
	const char *slash = strrchr(text, '/');
	return strpbrk(slash ? slash : text, ":@") != NULL;
}

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

int cmd_push(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const char *platform_name = NULL;
	bool all_tags = false, quiet = false, without_trust = true;
	const struct option options[] = {
		OPTION_FLAG('a', "all-tags", &all_tags, "Push all tags of an image to the repository"),
		OPTION_FLAG(0, "disable-content-trust", &without_trust, "Skip image signing (default true)"),
		OPTION_STRING(0, "platform", &platform_name, "string",
			      "Push the image only if it is for this platform, such as linux/amd64"),
		OPTION_FLAG('q', "quiet", &quiet, "Suppress verbose output"),
		OPTION_END,
	};
	struct platform platform;
	cleanup_engine struct engine *engine = NULL;
	cleanup_reference struct reference reference = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (!without_trust)
		return error_set(err, ERROR_UNSUPPORTED,
				 "images cannot be signed here: leave out "
				 "--disable-content-trust=false");
	if (all_tags && names_tag_or_digest(arguments[0]))
		return error_set(err, ERROR_INVALID, "tag can't be used with --all-tags/-a");
	if (platform_name && platform_parse(platform_name, &platform, err) < 0)
		return -1;
	const struct platform *wanted = platform_name ? &platform : NULL;
	cleanup_progress struct progress *progress = progress_new(STDOUT_FILENO, quiet);
	if (reference_parse(arguments[0], &reference, err) < 0 || command_open_engine(invocation, &engine, err) < 0)
		return -1;
	if (all_tags)
		return image_push_all_tags(engine, &reference, wanted, progress_transfer(progress), err);
	if (!reference.domain_is_implied)
		warn_of_newer_build(engine, &reference);
	if (image_push(engine, &reference, wanted, progress_transfer(progress), err) < 0)
		return -1;
	if (quiet) {
		cleanup_free char *text = reference_text(&reference);
		printf("%s\n", text);
	}
	return 0;
}
