/* NetworkSettings of a container. */
#include <arpa/inet.h>
#include <string.h>

#include "engine/inspect.h"
#include "engine/network_admin.h"
#include "store/address.h"

#define SHORT_LENGTH 12

static const struct address_record *find_address(const struct address_records *addresses, const char *network)
{
	for (size_t i = 0; i < addresses->count; i++)
		if (strcmp(addresses->items[i].network, network) == 0)
			return &addresses->items[i];
	return NULL;
}

static json_t *names_of(const struct container_view *view, const struct container_attachment *attachment)
{
	cleanup_string_list struct string_list names = {0};
	string_list_add(&names, view->record.name);
	for (size_t i = 0; i < attachment->aliases.count; i++)
		string_list_add_once(&names, attachment->aliases.items[i]);
	cleanup_free char *short_id = format_string("%.*s", SHORT_LENGTH, view->record.id);
	string_list_add_once(&names, short_id);
	if (view->config.hostname)
		string_list_add_once(&names, view->config.hostname);
	return json_from_strings(&names);
}

/* What was asked for. */
static json_t *wishes_of(const struct container_attachment *attachment)
{
	if (!attachment->address && !attachment->address6)
		return json_null();
	json_t *wishes = json_object();
	json_set_text(wishes, "IPv4Address", attachment->address);
	json_set_text(wishes, "IPv6Address", attachment->address6);
	return wishes;
}

static json_t *describe(const struct container_view *view, const struct container_attachment *attachment,
			const struct network_record *network, const struct address_record *address)
{
	char ipv4[INET_ADDRSTRLEN] = "", ipv6[INET6_ADDRSTRLEN] = "", gateway[INET_ADDRSTRLEN] = "";
	char gateway6[PREFIX_TEXT_SIZE] = "", hardware[HARDWARE_TEXT_SIZE] = "";
	bool has_ipv6 = address && !IN6_IS_ADDR_UNSPECIFIED(&address->address6);
	bool is_default = strcmp(network->name, DEFAULT_NETWORK) == 0;
	if (address) {
		inet_ntop(AF_INET, &address->address, ipv4, sizeof ipv4);
		hardware_address_format(address->hardware, hardware);
		if (!network->is_internal)
			inet_ntop(AF_INET, &network->gateway, gateway, sizeof gateway);
	}
	if (has_ipv6) {
		inet_ntop(AF_INET6, &address->address6, ipv6, sizeof ipv6);
		prefix_format_address(&network->gateway6, gateway6);
	}
	cleanup_free char *endpoint =
		address ? inspect_endpoint_id(view->record.id, network->id) : duplicate_string("");
	json_t *json = json_object();
	json_object_set_new(json, "IPAMConfig", wishes_of(attachment));
	json_object_set_new(json, "Links", json_null());
	json_object_set_new(json, "Aliases", inspect_list_or_null(&attachment->aliases, attachment->aliases.count > 0));
	json_object_set_new(json, "MacAddress", json_string(hardware));
	json_object_set_new(json, "DriverOpts", json_null());
	json_object_set_new(json, "NetworkID", json_string(network->id));
	json_object_set_new(json, "EndpointID", json_string(endpoint));
	json_object_set_new(json, "Gateway", json_string(gateway));
	json_object_set_new(json, "IPAddress", json_string(ipv4));
	json_object_set_new(json, "IPPrefixLen", json_integer(address ? network->prefix_length : 0));
	json_object_set_new(json, "IPv6Gateway", json_string(gateway6));
	json_object_set_new(json, "GlobalIPv6Address", json_string(ipv6));
	json_object_set_new(json, "GlobalIPv6PrefixLen", json_integer(has_ipv6 ? network->subnet6.length : 0));
	json_object_set_new(json, "DNSNames", is_default ? json_null() : names_of(view, attachment));
	return json;
}

static int describe_one(struct engine *engine, const struct container_view *view,
			const struct container_attachment *attachment, const struct address_records *addresses,
			json_t *networks, struct error *err)
{
	cleanup_network_record struct network_record network = {0};
	if (network_find(engine, attachment->network, &network, err) < 0) {
		/* Removed since; the next start will tell. */
		if (err->kind != ERROR_NOT_FOUND)
			return -1;
		error_clear(err);
		network.name = duplicate_string(attachment->network);
	}
	json_object_set_new_nocheck(networks, network.name,
				    describe(view, attachment, &network, find_address(addresses, network.name)));
	return 0;
}

int inspect_endpoints(struct engine *engine, const struct container_view *view, json_t **ret_networks,
		      struct error *err)
{
	cleanup_json json_t *networks = json_object();
	cleanup_address_records struct address_records addresses = {0};
	const struct container_config *config = &view->config;
	if (container_state_is_active(&view->state) &&
	    address_list(engine->store, NULL, view->record.id, &addresses, err) < 0)
		return -1;
	if (config->network == CONTAINER_NETWORK_HOST || config->network == CONTAINER_NETWORK_NONE) {
		cleanup_free char *mode = container_config_network_mode(config);
		struct container_attachment attachment = {.network = mode};
		if (describe_one(engine, view, &attachment, &addresses, networks, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < config->attachment_count; i++)
		if (describe_one(engine, view, &config->attachments[i], &addresses, networks, err) < 0)
			return -1;
	*ret_networks = steal_pointer(&networks);
	return 0;
}
