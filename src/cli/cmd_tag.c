#include "cli/command.h"
#include "store/image.h"

int cmd_tag(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	cleanup_engine struct engine *engine = NULL;
	cleanup_reference struct reference target = {0};
	struct image image;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (reference_parse(arguments[1], &target, err) < 0)
		return error_wrap(err, "error parsing reference: \"%s\" is not a valid repository/tag", arguments[1]);
	if (digest_is_set(&target.digest))
		return error_set(err, ERROR_INVALID, "refusing to create a tag with a digest reference");
	if (command_open_engine(invocation, &engine, err) < 0 ||
	    image_find(engine->store, arguments[0], &image, err) < 0)
		return -1;
	return image_tag_set(engine->store, &target, &image.id, NULL, err);
}
