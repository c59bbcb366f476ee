#include "cli/command.h"
#include "engine/manifest_list.h"

int cmd_manifest_annotate(struct invocation *invocation, int count, char **words, struct error *err)
{
	struct manifest_annotation annotation = {0};
	const struct option options[] = {
		OPTION_STRING(0, "arch", &annotation.architecture, "string", "Set architecture"),
		OPTION_STRING(0, "os", &annotation.os, "string", "Set operating system"),
		OPTION_LIST(0, "os-features", &annotation.os_features, "strings", "Set operating system feature"),
		OPTION_STRING(0, "os-version", &annotation.os_version, "string", "Set operating system version"),
		OPTION_STRING(0, "variant", &annotation.variant, "string", "Set architecture variant"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_reference struct reference list = {0}, image = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, words, err);
	if (result == 0)
		result = reference_parse(words[0], &list, err) < 0 || reference_parse(words[1], &image, err) < 0 ||
					 command_open_engine(invocation, &engine, err) < 0 ||
					 manifest_list_annotate(engine, &list, &image, &annotation, err) < 0
				 ? -1
				 : 0;
	string_list_release(&annotation.os_features);
	return result < 0 ? -1 : 0;
}
