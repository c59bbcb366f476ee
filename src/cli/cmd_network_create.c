#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "engine/network_admin.h"

static int create(struct invocation *invocation, const struct network_create_options *options, struct error *err)
{
	cleanup_engine struct engine *engine = NULL;
	char id[NETWORK_ID_SIZE];
	if (command_open_engine(invocation, &engine, err) < 0 || network_create(engine, options, id, err) < 0)
		return -1;
	printf("%s\n", id);
	return 0;
}

int cmd_network_create(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const char *driver = "bridge", *ipam_driver = "default", *scope = "local";
	cleanup_string_list struct string_list texts = {0}, labels = {0}, subnets = {0}, gateways = {0}, ranges = {0},
					       auxiliary = {0}, options = {0};
	struct network_create_options create_options = {.subnets = &subnets,
							.gateways = &gateways,
							.ranges = &ranges,
							.auxiliary = &auxiliary,
							.labels = &labels,
							.options = &options};
	const struct option table[] = {
		OPTION_LIST(0, "aux-address", &auxiliary, "map", "Auxiliary IPv4 or IPv6 addresses (NAME=ADDRESS)"),
		OPTION_STRING('d', "driver", &driver, "string", "Driver to manage the Network (default \"bridge\")"),
		OPTION_LIST(0, "gateway", &gateways, "strings", "IPv4 or IPv6 Gateway for the master subnet"),
		OPTION_FLAG(0, "internal", &create_options.is_internal, "Restrict external access to the network"),
		OPTION_LIST(0, "ip-range", &ranges, "strings", "Allocate container ip from a sub-range"),
		OPTION_STRING(0, "ipam-driver", &ipam_driver, "string",
			      "IP Address Management Driver (default \"default\")"),
		OPTION_FLAG(0, "ipv6", &create_options.has_ipv6, "Enable IPv6 networking"),
		OPTION_LIST(0, "label", &texts, "list", "Set metadata on a network"),
		OPTION_LIST('o', "opt", &options, "map", "Set driver specific options"),
		OPTION_STRING(0, "scope", &scope, "string", "Control the network's scope (default \"local\")"),
		OPTION_LIST(0, "subnet", &subnets, "strings",
			    "Subnet in CIDR format that represents a network segment"),
		OPTION_END,
	};
	int result = command_options(invocation, table, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	create_options.name = arguments[0];
	if (command_collect_labels(&texts, &labels, err) < 0)
		return -1;
	if (strcmp(driver, "bridge") != 0)
		return error_set(err, ERROR_NOT_FOUND,
				 "could not find plugin %s in v1 plugin registry: plugin not found (networks here are "
				 "of driver \"bridge\")",
				 driver);
	if (strcmp(ipam_driver, "default") != 0)
		return error_set(err, ERROR_NOT_FOUND, "could not find IPAM driver %s: \"default\" is known",
				 ipam_driver);
	if (strcmp(scope, "local") != 0)
		return error_set(err, ERROR_INVALID, "invalid scope \"%s\": networks here are \"local\"", scope);
	return create(invocation, &create_options, err);
}
