#include "cli/command.h"
#include "engine/manifest_list.h"

static int remove_one(struct engine *engine, const char *name, void *context, struct error *err)
{
	cleanup_reference struct reference list = {0};
	return reference_parse(name, &list, err) < 0 ? -1 : manifest_list_remove(engine, &list, err);
}

int cmd_manifest_rm(struct invocation *invocation, int count, char **words, struct error *err)
{
	const struct option options[] = {OPTION_END};
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, words, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return command_for_each(invocation, engine, count, words, remove_one, NULL, false);
}
