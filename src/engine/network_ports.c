#include "engine/network_ports.h"

#include <arpa/inet.h>
#include <string.h>

#include "engine/network_options.h"
#include "network/endpoint.h"

#define EPHEMERAL_FIRST 32768
#define EPHEMERAL_LAST	60999

static int reserve_one(struct engine *engine, const char *id, const struct published_port *port, struct error *err)
{
	char address[INET6_ADDRSTRLEN];
	published_port_address(port, address);
	return port_reserve(engine->store, id, address, port->host_port, port_protocol_names[port->protocol], err);
}

static int reserve(struct engine *engine, const char *id, struct published_port *port, struct error *err)
{
	if (port->host_port != 0) {
		if (reserve_one(engine, id, port, err) < 0)
			return -1;
		return endpoint_check_port_free(port, err);
	}
	for (int number = EPHEMERAL_FIRST; number <= EPHEMERAL_LAST; number++) {
		struct published_port candidate = *port;
		candidate.host_port = (uint16_t)number;
		if (endpoint_check_port_free(&candidate, err) == 0 && reserve_one(engine, id, &candidate, err) == 0) {
			port->host_port = candidate.host_port;
			return 0;
		}
		if (err->kind != ERROR_CONFLICT)
			return -1;
		error_clear(err);
	}
	return error_set(err, ERROR_LIMIT, "all ports from %d to %d are in use", EPHEMERAL_FIRST, EPHEMERAL_LAST);
}

int network_reserve_ports(struct engine *engine, const char *id, const struct network_record *network,
			  struct container_config *config, struct error *err)
{
	struct network_settings settings;
	network_settings_read(&network->options, &settings);
	for (size_t i = 0; i < config->port_count; i++) {
		struct published_port *port = &config->ports[i];
		if (port->family == AF_UNSPEC && settings.host_binding.s_addr) {
			port->family = AF_INET;
			port->host_address = settings.host_binding;
		}
		if (port->family == AF_INET6 && network->subnet6.family == 0)
			return error_set(err, ERROR_INVALID,
					 "port %u cannot be published on an IPv6 address: network %s has no IPv6 "
					 "(network create --ipv6)",
					 port->container_port, network->name);
		port->is_on_ipv6_too = port->family == AF_UNSPEC && network->subnet6.family != 0;
		if (reserve(engine, id, port, err) < 0)
			return error_wrap(err, "driver failed programming external connectivity");
	}
	return 0;
}

int network_publishes(struct engine *engine, const char *id, const char *network, bool *ret_publishes,
		      struct error *err)
{
	cleanup_address_records struct address_records addresses = {0};
	*ret_publishes = false;
	if (address_list(engine->store, NULL, id, &addresses, err) < 0)
		return -1;
	for (size_t i = 0; i < addresses.count; i++) {
		cleanup_network_record struct network_record record = {0};
		if (network_record_find(engine->store, addresses.items[i].network, &record, err) < 0)
			return -1;
		if (record.is_internal)
			continue;
		*ret_publishes = strcmp(record.name, network) == 0;
		return 0;
	}
	return 0;
}
