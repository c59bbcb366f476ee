#include <unistd.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "engine/pull.h"

struct pull_arguments {
	const char *name, *platform_name, *progress_name;
	bool all_tags, quiet, without_trust, verify_tls;
	struct platform platform;
	struct reference reference;
	enum progress_style style;
};

static int check(struct pull_arguments *arguments, struct error *err)
{
	if (!arguments->without_trust)
		return error_set(err, ERROR_UNSUPPORTED,
				 "signatures of images are not checked here: leave out --disable-content-trust=false");
	if (progress_style_parse(arguments->progress_name, arguments->quiet, &arguments->style, err) < 0 ||
	    reference_parse(arguments->name, &arguments->reference, err) < 0)
		return -1;
	if (arguments->all_tags && reference_text_has_tag(arguments->name))
		return error_set(err, ERROR_INVALID, "tag can't be used with --all-tags/-a");
	return arguments->platform_name ? platform_parse(arguments->platform_name, &arguments->platform, err) : 0;
}

static int pull(struct invocation *invocation, const struct pull_arguments *arguments, struct error *err)
{
	const struct reference *reference = &arguments->reference;
	const struct platform *platform = arguments->platform_name ? &arguments->platform : NULL;
	cleanup_engine struct engine *engine = NULL;
	cleanup_progress struct progress *progress = progress_new_styled(STDOUT_FILENO, arguments->style);
	const struct transfer_progress *transfer = progress_transfer(progress);
	struct error why = {0};
	struct pull_outcome outcome;
	if (!arguments->all_tags && !reference_text_has_tag(arguments->name))
		engine_report_line(&transfer->report, "Using default tag: %s", reference->tag);
	registry_request_prepare();
	int result = command_open_engine(invocation, &engine, &why);
	if (result == 0) {
		engine->is_insecure = !arguments->verify_tls;
		result = arguments->all_tags ? image_pull_all_tags(engine, reference, platform, transfer, &why)
					     : image_pull(engine, reference, platform, transfer, &outcome, &why);
	}
	if (result < 0) {
		*err = why;
		return progress_fail(progress, err);
	}
	if (arguments->style == PROGRESS_JSON)
		return 0;
	cleanup_free char *text = arguments->all_tags ? reference_name(reference) : reference_text(reference);
	printf("%s\n", text);
	return 0;
}

int cmd_pull(struct invocation *invocation, int count, char **words, struct error *err)
{
	struct pull_arguments arguments = {.without_trust = true, .verify_tls = true};
	const struct option options[] = {
		OPTION_FLAG('a', "all-tags", &arguments.all_tags, "Download all tagged images in the repository"),
		OPTION_FLAG(0, "disable-content-trust", &arguments.without_trust,
			    "Skip image verification (default true)"),
		OPTION_STRING(0, "platform", &arguments.platform_name, "string", "Set platform, such as linux/amd64"),
		OPTION_PROGRESS(&arguments.progress_name),
		OPTION_FLAG('q', "quiet", &arguments.quiet, "Suppress verbose output"),
		OPTION_TLS_VERIFY(&arguments.verify_tls),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, words, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	arguments.name = words[0];
	result = check(&arguments, err) < 0 || pull(invocation, &arguments, err) < 0 ? -1 : 0;
	reference_release(&arguments.reference);
	return result;
}
