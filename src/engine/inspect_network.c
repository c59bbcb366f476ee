#include <arpa/inet.h>
#include <string.h>

#include "engine/inspect.h"
#include "engine/network.h"
#include "engine/network_admin.h"
#include "engine/network_options.h"
#include "oci/digest.h"

char *inspect_endpoint_id(const char *container, const char *network_id)
{
	struct digest digest;
	cleanup_free char *text = format_string("%s %s", container, network_id);
	digest_of_bytes(text, strlen(text), &digest);
	return duplicate_string(digest_hex(&digest));
}

static json_t *describe_pool(const struct network_record *record, const struct prefix *subnet,
			     const struct prefix *gateway)
{
	char text[PREFIX_TEXT_SIZE];
	json_t *pool = json_object(), *auxiliary = json_object();
	prefix_format(subnet, text);
	json_object_set_new(pool, "Subnet", json_string(text));
	if (record->range.family == subnet->family) {
		prefix_format(&record->range, text);
		json_object_set_new(pool, "IPRange", json_string(text));
	}
	prefix_format_address(gateway, text);
	json_object_set_new(pool, "Gateway", json_string(text));
	for (size_t i = 0; i < record->aux.count; i++) {
		const char *item = record->aux.items[i], *equals = strchr(item, '=');
		cleanup_free char *key = format_string("%.*s", (int)strcspn(item, "="), item);
		struct prefix address;
		if (equals && prefix_parse_address(equals + 1, &address) && address.family == subnet->family)
			json_object_set_new(auxiliary, key, json_string(equals + 1));
	}
	if (json_object_size(auxiliary))
		json_object_set(pool, "AuxiliaryAddresses", auxiliary);
	json_decref(auxiliary);
	return pool;
}

static json_t *describe_addressing(const struct network_record *record)
{
	json_t *pools = json_array();
	if (*record->bridge) {
		struct prefix subnet = network_subnet(record), gateway = prefix_address_at(&subnet, 0);
		memcpy(gateway.bytes, &record->gateway, sizeof record->gateway);
		json_array_append_new(pools, describe_pool(record, &subnet, &gateway));
	}
	if (record->subnet6.family)
		json_array_append_new(pools, describe_pool(record, &record->subnet6, &record->gateway6));
	return json_pack("{s:s, s:{}, s:o}", "Driver", "default", "Options", "Config", pools);
}

static json_t *describe_container(struct engine *engine, const struct network_record *network,
				  const struct address_record *address)
{
	cleanup_container_record struct container_record record = {0};
	struct error ignored = {0};
	char ipv4[INET_ADDRSTRLEN], ipv6[INET6_ADDRSTRLEN], hardware[HARDWARE_TEXT_SIZE];
	/* A step of a build has no record. */
	bool is_known = container_find(engine->store, address->container, &record, &ignored) == 0;
	cleanup_free char *id = inspect_endpoint_id(address->container, network->id);
	inet_ntop(AF_INET, &address->address, ipv4, sizeof ipv4);
	inet_ntop(AF_INET6, &address->address6, ipv6, sizeof ipv6);
	hardware_address_format(address->hardware, hardware);
	cleanup_free char *with_length = format_string("%s/%d", ipv4, network->prefix_length);
	cleanup_free char *with_length6 = IN6_IS_ADDR_UNSPECIFIED(&address->address6)
						  ? duplicate_string("")
						  : format_string("%s/%d", ipv6, network->subnet6.length);
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "Name", is_known ? record.name : address->container, "EndpointID",
			 id, "MacAddress", hardware, "IPv4Address", with_length, "IPv6Address", with_length6);
}

static int describe_containers(struct engine *engine, const struct network_record *record, json_t **ret_containers,
			       struct error *err)
{
	cleanup_address_records struct address_records addresses = {0};
	if (address_list(engine->store, record->name, NULL, &addresses, err) < 0)
		return -1;
	*ret_containers = json_object();
	for (size_t i = 0; i < addresses.count; i++)
		json_object_set_new(*ret_containers, addresses.items[i].container,
				    describe_container(engine, record, &addresses.items[i]));
	return 0;
}

int inspect_network(struct engine *engine, const char *name, json_t **ret_document, struct error *err)
{
	cleanup_network_record struct network_record record = {0};
	json_t *containers = NULL;
	if (network_find(engine, name, &record, err) < 0 || describe_containers(engine, &record, &containers, err) < 0)
		return -1;
	json_t *network = json_object();
	json_object_set_new(network, "Name", json_string(record.name));
	json_object_set_new(network, "Id", json_string(record.id));
	json_object_set_new(network, "Created", inspect_time(record.created));
	json_object_set_new(network, "Scope", json_string("local"));
	json_object_set_new(network, "Driver", json_string(network_driver(&record)));
	json_object_set_new(network, "EnableIPv4", json_true());
	json_object_set_new(network, "EnableIPv6", json_boolean(record.subnet6.family != 0));
	json_object_set_new(network, "IPAM", describe_addressing(&record));
	json_object_set_new(network, "Internal", json_boolean(record.is_internal));
	json_object_set_new(network, "Attachable", json_false());
	json_object_set_new(network, "Ingress", json_false());
	json_object_set_new(network, "ConfigFrom", json_pack("{s:s}", "Network", ""));
	json_object_set_new(network, "ConfigOnly", json_false());
	json_object_set_new(network, "Containers", containers);
	json_object_set_new(network, "Options", inspect_map(&record.options));
	json_object_set_new(network, "Labels", inspect_map(&record.labels));
	*ret_document = network;
	return 0;
}
