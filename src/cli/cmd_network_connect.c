#include <string.h>

#include "cli/command.h"
#include "engine/network_running.h"

int cmd_network_connect(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const char *ip = NULL, *ip6 = NULL, *hardware = NULL;
	cleanup_string_list struct string_list aliases = {0};
	const struct option options[] = {
		OPTION_LIST(0, "alias", &aliases, "strings", "Add network-scoped alias for the container"),
		OPTION_STRING(0, "ip", &ip, "string", "IPv4 address (e.g., \"172.30.100.104\")"),
		OPTION_STRING(0, "ip6", &ip6, "string", "IPv6 address (e.g., \"2001:db8::33\")"),
		OPTION_STRING(0, "mac-address", &hardware, "string", "MAC address there"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	/* It is released with its config. */
	struct container_attachment *attachment = container_config_add_attachment(&config, arguments[0]);
	string_list_copy(&attachment->aliases, &aliases);
	attachment->address = duplicate_string(ip);
	attachment->address6 = duplicate_string(ip6);
	attachment->hardware = duplicate_string(hardware);
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return network_connect_container(engine, arguments[1], attachment, err);
}

int cmd_network_disconnect(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool force = false;
	const struct option options[] = {
		OPTION_FLAG('f', "force", &force, "Force the container to disconnect from a network"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return network_disconnect_container(engine, arguments[0], arguments[1], force, err);
}
