#include <inttypes.h>

#include "cli/command.h"
#include "engine/verify.h"

static void print_line(void *context, const char *text)
{
	printf("%s\n", text);
	fflush(stdout);
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

int cmd_image_verify(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	struct verify_options verify = {.names = arguments};
	const struct option options[] = {
		OPTION_FLAG(0, "repair", &verify.repair, "Make what is bad again, from a kept layer or by a new pull"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	struct engine_report report = {print_line, NULL};
	struct verify_outcome outcome;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	verify.count = (size_t)count;
	if (command_open_engine(invocation, &engine, err) < 0 ||
	    images_verify(engine, &verify, &report, &outcome, err) < 0)
		return -1;
	printf("Verified %" PRIu64 " image%s, %" PRIu64 " blob%s, %" PRIu64 " layer%s: ", outcome.images,
	       plural(outcome.images), outcome.blobs, plural(outcome.blobs), outcome.layers, plural(outcome.layers));
	if (outcome.problems == 0)
		printf("no problem found\n");
	else
		printf("%" PRIu64 " problem%s found\n", outcome.problems, plural(outcome.problems));
	invocation->exit_code = outcome.problems ? 1 : 0;
	return 0;
}
