#include <unistd.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "engine/manifest_list.h"

static void show_line(void *context, const char *text)
{
	printf("%s\n", text);
}

int cmd_manifest_push(struct invocation *invocation, int count, char **words, struct error *err)
{
	bool purge = false, is_insecure = false;
	const struct option options[] = {
		OPTION_FLAG(0, "insecure", &is_insecure, "Allow push to an insecure registry"),
		OPTION_FLAG('p', "purge", &purge, "Remove the local manifest list after push"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_reference struct reference list = {0};
	const struct transfer_progress progress = {.report = {show_line, NULL}};
	struct digest digest;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, words, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (reference_parse(words[0], &list, err) < 0 || command_open_engine(invocation, &engine, err) < 0)
		return -1;
	engine->is_insecure = is_insecure;
	if (manifest_list_push(engine, &list, &progress, &digest, err) < 0)
		return -1;
	printf("%s\n", digest.text);
	return purge ? manifest_list_remove(engine, &list, err) : 0;
}
