#include "cli/command.h"
#include "engine/manifest_list.h"

int cmd_manifest_create(struct invocation *invocation, int count, char **words, struct error *err)
{
	bool amend = false, is_insecure = false;
	const struct option options[] = {
		OPTION_FLAG('a', "amend", &amend, "Amend an existing manifest list"),
		OPTION_FLAG(0, "insecure", &is_insecure, "Allow communication with an insecure registry"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_reference struct reference list = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, words, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (reference_parse(words[0], &list, err) < 0 || command_open_engine(invocation, &engine, err) < 0)
		return -1;
	engine->is_insecure = is_insecure;
	if (manifest_list_create(engine, &list, words + 1, (size_t)count - 1, amend, err) < 0)
		return -1;
	cleanup_free char *name = reference_text(&list);
	printf("Created manifest list %s\n", name);
	return 0;
}
