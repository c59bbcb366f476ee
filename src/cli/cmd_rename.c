#include "cli/command.h"
#include "engine/events.h"
#include "engine/network_names.h"

int cmd_rename(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	cleanup_engine struct engine *engine = NULL;
	cleanup_container_record struct container_record record = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0 ||
	    container_find(engine->store, arguments[0], &record, err) < 0)
		return -1;
	if (container_rename(engine->store, record.id, arguments[1], err) < 0)
		return -1;
	if (network_names_write(engine, err) < 0)
		return -1;
	cleanup_free char *old_name = format_string("/%s", record.name);
	replace_string(&record.name, duplicate_string(arguments[1]));
	event_container(engine, &record, "rename", json_pack("{s:s}", "oldName", old_name));
	return 0;
}
