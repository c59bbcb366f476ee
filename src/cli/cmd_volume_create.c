#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "store/volume.h"

int cmd_volume_create(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const char *driver = "local";
	cleanup_string_list struct string_list texts = {0}, labels = {0};
	const struct option options[] = {
		OPTION_STRING('d', "driver", &driver, "string", "Specify volume driver name (default \"local\")"),
		OPTION_LIST(0, "label", &texts, "list", "Set metadata for a volume"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_free char *name = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	const char *wanted = count == 1 && arguments[0][0] ? arguments[0] : NULL;
	if (command_collect_labels(&texts, &labels, err) < 0)
		return -1;
	if (*driver && strcmp(driver, "local") != 0)
		return error_set(err, ERROR_NOT_FOUND,
				 "create %s: error looking up volume plugin %s: plugin \"%s\" not found",
				 wanted ? wanted : "", driver, driver);
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	if (volume_create(engine->store, wanted, &labels, &name, err) < 0)
		return wanted ? error_wrap(err, "create %s", wanted) : -1;
	printf("%s\n", name);
	return 0;
}
