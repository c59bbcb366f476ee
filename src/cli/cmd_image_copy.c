#include <unistd.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "engine/copy.h"

int cmd_image_copy(struct invocation *invocation, int count, char **words, struct error *err)
{
	struct copy_options copy = {0};
	const char *platform_name = NULL, *progress_name = NULL;
	bool quiet = false, verify_tls = true;
	const struct option options[] = {
		OPTION_FLAG('a', "all", &copy.all, "Copy an image of several platforms with all of them"),
		OPTION_STRING(0, "platform", &platform_name, "string",
			      "Copy the image of this platform, such as linux/amd64"),
		OPTION_PROGRESS(&progress_name),
		OPTION_FLAG('q', "quiet", &quiet, "Only print the digest"),
		OPTION_TLS_VERIFY(&verify_tls),
		OPTION_END,
	};
	struct platform platform;
	enum progress_style style;
	struct digest digest;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, words, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (copy.all && platform_name)
		return error_set(err, ERROR_USAGE, "conflicting options: --all and --platform");
	if ((platform_name && platform_parse(platform_name, &platform, err) < 0) ||
	    progress_style_parse(progress_name, quiet, &style, err) < 0)
		return -1;
	copy.is_insecure = !verify_tls;
	copy.platform = platform_name ? &platform : NULL;
	cleanup_progress struct progress *progress = progress_new_styled(STDOUT_FILENO, style);
	const struct transfer_progress *transfer = progress_transfer(progress);
	struct error why = {0};
	if (image_copy(words[0], words[1], &copy, transfer, &digest, &why) < 0) {
		*err = why;
		return progress_fail(progress, err);
	}
	if (style == PROGRESS_QUIET)
		printf("%s\n", digest.text);
	else
		engine_report_line(&transfer->report, "Digest: %s", digest.text);
	return 0;
}
