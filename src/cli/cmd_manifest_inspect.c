#include "cli/command.h"
#include "cli/json_indent.h"
#include "engine/manifest_list.h"

int cmd_manifest_inspect(struct invocation *invocation, int count, char **words, struct error *err)
{
	struct manifest_inspect inspect = {0};
	bool is_insecure = false;
	const struct option options[] = {
		OPTION_FLAG(0, "insecure", &is_insecure, "Allow communication with an insecure registry"),
		OPTION_FLAG('v', "verbose", &inspect.verbose, "Output additional info including layers and platform"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_reference struct reference list = {0}, image = {0};
	cleanup_json json_t *document = NULL;
	bool is_index;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, words, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if ((count == 2 && reference_parse(words[0], &list, err) < 0) ||
	    reference_parse(words[count - 1], &image, err) < 0)
		return -1;
	inspect.list = count == 2 ? &list : NULL;
	inspect.image = &image;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	engine->is_insecure = is_insecure;
	if (manifest_inspect(engine, &inspect, &document, &is_index, err) < 0)
		return -1;
	/* Lists are written with three spaces, as Docker's are. */
	cleanup_free char *text = json_indent(document, is_index && !inspect.verbose ? "   " : "\t");
	printf("%s\n", text);
	return 0;
}
