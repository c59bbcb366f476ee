#include "engine/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "engine/network_names.h"
#include "engine/network_options.h"
#include "engine/network_ports.h"
#include "engine/network_share.h"
#include "engine/start.h"
#include "oci/digest.h"

#define DEFAULT_BRIDGE "coracle0"

void network_link_release(struct network_link *link)
{
	network_record_release(&link->record);
	address_record_release(&link->address);
}

void network_plan_release(struct network_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		network_link_release(&plan->links[i]);
	free(plan->links);
	free(plan->items);
	*plan = (struct network_plan){.gateway = -1};
}

bool network_is_default(const struct network_record *record)
{
	return strcmp(record->name, DEFAULT_NETWORK) == 0;
}

/* Two stores on one machine are two hosts, so each has bridges of its own. */
static char *default_bridge_name(const struct store *store)
{
	if (strcmp(store->root, ENGINE_DEFAULT_ROOT) == 0)
		return duplicate_string(DEFAULT_BRIDGE);
	struct digest digest;
	digest_of_bytes(store->root, strlen(store->root), &digest);
	return format_string("cor-%.8s", digest_hex(&digest));
}

static int complete_default(const struct network_records *others, struct network_record *record, void *context,
			    struct error *err)
{
	cleanup_free struct prefix *taken = network_taken_subnets(others);
	return bridge_choose_subnet(taken, others->count, &record->subnet, &record->prefix_length, &record->gateway,
				    err);
}

int network_default(struct engine *engine, struct network_record *ret_record, struct error *err)
{
	if (network_record_find(engine->store, DEFAULT_NETWORK, ret_record, err) == 0)
		return 0;
	if (err->kind != ERROR_NOT_FOUND)
		return -1;
	error_clear(err);
	cleanup_network_record struct network_record record = {.name = duplicate_string(DEFAULT_NETWORK),
							       .bridge = default_bridge_name(engine->store)};
	/* Another process may have been faster: its record counts. */
	if (network_record_add(engine->store, &record, complete_default, NULL, err) < 0 && err->kind != ERROR_CONFLICT)
		return -1;
	error_clear(err);
	return network_record_find(engine->store, DEFAULT_NETWORK, ret_record, err);
}

char *network_bridge_name(const char *network_id)
{
	return format_string("cor-%.10s", network_id);
}

void network_fill_bridge(const struct network_record *record, struct bridge *ret_bridge)
{
	struct network_settings settings;
	network_settings_read(&record->options, &settings);
	*ret_bridge = (struct bridge){
		.name = record->bridge,
		.subnet = record->subnet,
		.prefix_length = record->prefix_length,
		.gateway = record->gateway,
		.is_internal = record->is_internal,
		.keeps_addresses = settings.keeps_addresses,
		.separates = settings.separates,
		.mtu = settings.mtu,
	};
	if (record->subnet6.family == 0)
		return;
	memcpy(&ret_bridge->subnet6, record->subnet6.bytes, sizeof ret_bridge->subnet6);
	memcpy(&ret_bridge->gateway6, record->gateway6.bytes, sizeof ret_bridge->gateway6);
	ret_bridge->prefix_length6 = record->subnet6.length;
}

void network_fill_endpoint(const struct network_link *link, bool is_gateway, struct endpoint *ret_endpoint)
{
	const struct address_record *address = &link->address;
	struct endpoint endpoint = {
		.bridge = &link->bridge,
		.address = address->address,
		.address6 = address->address6,
		.is_gateway = is_gateway,
	};
	memcpy(endpoint.hardware, address->hardware, sizeof endpoint.hardware);
	/* The last digits: those of a build step ("build-<pid>-<random>") differ there. */
	size_t length = strlen(address->container);
	const char *digits = length > 8 ? address->container + length - 8 : address->container;
	if (address->position == 0)
		snprintf(endpoint.host_interface, sizeof endpoint.host_interface, "veth%.8s", digits);
	else
		snprintf(endpoint.host_interface, sizeof endpoint.host_interface, "veth%.8s-%u", digits,
			 (unsigned)address->position % 100);
	snprintf(endpoint.container_interface, sizeof endpoint.container_interface, "eth%u",
		 (unsigned)address->position % 1000);
	*ret_endpoint = endpoint;
}

/* An address that is asked for is one of a subnet that the user chose, so that it stays so. */
static int check_wish(const struct prefix *subnet, bool is_chosen, const char *text, const char *network,
		      struct prefix *ret_address, struct error *err)
{
	if (!is_chosen)
		return error_set(err, ERROR_INVALID,
				 "invalid config for network %s: invalid endpoint settings:\nuser specified IP address "
				 "is supported only when connecting to networks with user configured subnets",
				 network);
	if (!prefix_parse_address(text, ret_address) || !prefix_contains(subnet, ret_address))
		return error_set(err, ERROR_INVALID,
				 "invalid config for network %s: invalid endpoint settings:\nno configured subnet or "
				 "ip-range contain the IP address %s",
				 network, text);
	return 0;
}

static int take_wishes(const struct network_record *record, const struct container_attachment *attachment,
		       struct address_record *address, struct error *err)
{
	struct prefix wanted, subnet = network_subnet(record);
	if (attachment->address) {
		if (check_wish(&subnet, record->has_chosen_subnet, attachment->address, record->name, &wanted, err) < 0)
			return -1;
		memcpy(&address->address, wanted.bytes, sizeof address->address);
		if (address->address.s_addr == record->gateway.s_addr)
			return error_set(err, ERROR_CONFLICT, "Address already in use on network %s", record->name);
	}
	if (attachment->address6) {
		if (check_wish(&record->subnet6, record->has_chosen_subnet6, attachment->address6, record->name,
			       &wanted, err) < 0)
			return -1;
		memcpy(&address->address6, wanted.bytes, sizeof address->address6);
	}
	if (attachment->hardware)
		hardware_address_parse(attachment->hardware, address->hardware);
	return 0;
}

/* Publishes again what containers of one network have. */
static int republish(struct engine *engine, const struct network_record *network, struct error *err)
{
	cleanup_address_records struct address_records addresses = {0};
	if (address_list(engine->store, network->name, NULL, &addresses, err) < 0)
		return -1;
	for (size_t i = 0; i < addresses.count; i++) {
		CLEANUP(network_link_release) struct network_link link = {0};
		cleanup_container_record struct container_record record = {0};
		cleanup_container_config struct container_config config;
		struct endpoint endpoint;
		struct error ignored = {0};
		bool publishes;
		container_config_init(&config);
		if (container_find(engine->store, addresses.items[i].container, &record, &ignored) < 0 ||
		    record.started == 0 || record.finished != 0 ||
		    container_config_from_json(record.config, &config, &ignored) < 0 || config.port_count == 0 ||
		    network_publishes(engine, record.id, network->name, &publishes, &ignored) < 0 || !publishes)
			continue;
		network_fill_bridge(network, &link.bridge);
		link.address = addresses.items[i];
		addresses.items[i] = (struct address_record){0};
		network_fill_endpoint(&link, true, &endpoint);
		if (endpoint_publish(&endpoint, config.ports, config.port_count, err) < 0)
			return error_wrap(err, "publish the ports of container %.12s again", record.id);
	}
	return 0;
}

/* ret_was_made: the table, so that others' may be gone as well. */
static int ensure(struct engine *engine, const struct network_record *record, bool *ret_was_made, struct error *err)
{
	struct bridge bridge;
	network_fill_bridge(record, &bridge);
	if (bridge_ensure_reporting(&bridge, ret_was_made, err) < 0)
		return error_wrap(err, "network %s", record->name);
	return *ret_was_made ? republish(engine, record, err) : 0;
}

int network_restore(struct engine *engine, struct error *err)
{
	cleanup_network_records struct network_records records = {0};
	if (network_record_list(engine->store, &records, err) < 0)
		return -1;
	for (size_t i = 0; i < records.count; i++) {
		cleanup_address_records struct address_records users = {0};
		bool was_made;
		if (address_list(engine->store, records.items[i].name, NULL, &users, err) < 0 ||
		    (users.count && ensure(engine, &records.items[i], &was_made, err) < 0))
			return -1;
	}
	return 0;
}

int network_plan_link(struct engine *engine, const char *id, const struct container_config *config,
		      const struct container_attachment *attachment, int position, struct network_link *ret_link,
		      struct error *err)
{
	cleanup_network_link struct network_link link = {0};
	bool is_default = strcmp(attachment->network, DEFAULT_NETWORK) == 0;
	if ((is_default ? network_default(engine, &link.record, err)
			: network_record_look_up(engine->store, attachment->network, &link.record, err)) < 0)
		return -1;
	link.address.container = duplicate_string(id);
	link.address.network = duplicate_string(link.record.name);
	link.address.position = position;
	string_list_copy(&link.address.names, &attachment->aliases);
	if (config->hostname && !is_default)
		string_list_add_once(&link.address.names, config->hostname);
	/* First the row: while it is there, the network is not removed. */
	bool was_made = false;
	if (take_wishes(&link.record, attachment, &link.address, err) < 0 ||
	    address_assign(engine->store, &link.record, &link.address, err) < 0 ||
	    ensure(engine, &link.record, &was_made, err) < 0 || (was_made && network_restore(engine, err) < 0))
		return -1;
	*ret_link = link;
	/* It moved: borrow anew. */
	network_fill_bridge(&ret_link->record, &ret_link->bridge);
	link = (struct network_link){0};
	return 0;
}

static void fill_endpoints(struct network_plan *plan)
{
	plan->gateway = -1;
	for (size_t i = 0; i < plan->count && plan->gateway < 0; i++)
		if (!plan->links[i].record.is_internal)
			plan->gateway = (ptrdiff_t)i;
	plan->items = allocate_array(plan->count, sizeof *plan->items);
	for (size_t i = 0; i < plan->count; i++)
		network_fill_endpoint(&plan->links[i], (ptrdiff_t)i == plan->gateway, &plan->items[i]);
	plan->endpoints = (struct endpoints){.items = plan->items, .count = plan->count};
}

static int plan_links(struct engine *engine, const char *id, struct container_config *config, struct network_plan *plan,
		      struct error *err)
{
	bool has_names = false;
	plan->links = allocate_array(config->attachment_count, sizeof *plan->links);
	for (size_t i = 0; i < config->attachment_count; i++) {
		if (network_plan_link(engine, id, config, &config->attachments[i], (int)i, &plan->links[i], err) < 0)
			return -1;
		plan->count++;
		has_names = has_names || !network_is_default(&plan->links[i].record);
	}
	fill_endpoints(plan);
	if (has_names && network_names_write(engine, err) < 0)
		return -1;
	if (config->port_count == 0)
		return 0;
	if (plan->gateway < 0)
		return error_set(
			err, ERROR_INVALID,
			"ports cannot be published: the container is on internal networks alone; leave out -p, "
			"or add a network that is not");
	return network_reserve_ports(engine, id, &plan->links[plan->gateway].record, config, err);
}

int network_plan_container(struct engine *engine, const char *id, struct container_config *config,
			   struct network_plan *ret_plan, struct error *err)
{
	cleanup_network_plan struct network_plan plan = {.gateway = -1};
	/* What a start that was killed half way may have left under this id. */
	if (address_release(engine->store, id, err) < 0)
		return -1;
	if (config->network == CONTAINER_NETWORK_BRIDGE && plan_links(engine, id, config, &plan, err) < 0) {
		struct error ignored = {0};
		address_release(engine->store, id, &ignored);
		network_names_write(engine, &ignored);
		return -1;
	}
	*ret_plan = plan;
	plan = (struct network_plan){.gateway = -1};
	return 0;
}

void network_plan_addresses(const struct network_plan *plan, struct string_list *addresses)
{
	char text[INET6_ADDRSTRLEN];
	for (size_t i = 0; i < plan->count; i++) {
		const struct address_record *address = &plan->links[i].address;
		string_list_add(addresses, inet_ntop(AF_INET, &address->address, text, sizeof text));
		if (!IN6_IS_ADDR_UNSPECIFIED(&address->address6))
			string_list_add(addresses, inet_ntop(AF_INET6, &address->address6, text, sizeof text));
	}
}

bool network_plan_has_resolver(const struct network_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (!network_is_default(&plan->links[i].record))
			return true;
	return false;
}

void network_take_back(const struct network_plan *plan, const struct container_config *config)
{
	struct error ignored = {0};
	for (size_t i = 0; i < plan->count; i++)
		endpoint_detach(&plan->items[i], &ignored);
	if (plan->gateway >= 0)
		endpoint_unpublish(&plan->items[plan->gateway], config->ports, config->port_count, &ignored);
}

int network_connect(const struct network_plan *plan, const struct container_config *config, pid_t pid,
		    struct error *err)
{
	for (size_t i = 0; i < plan->count; i++)
		if (endpoint_attach(&plan->items[i], pid, err) < 0)
			return -1;
	if (plan->gateway < 0 || config->port_count == 0)
		return 0;
	return endpoint_publish(&plan->items[plan->gateway], config->ports, config->port_count, err);
}

/* The pairs of a namespace that outlives the container, since another shares it. */
static int detach_shared(struct engine *engine, const struct address_records *addresses, struct error *err)
{
	for (size_t i = 0; i < addresses->count; i++) {
		struct network_link link = {.address = addresses->items[i]};
		struct endpoint endpoint;
		network_fill_endpoint(&link, false, &endpoint);
		if (endpoint_detach(&endpoint, err) < 0)
			return -1;
	}
	return 0;
}

int network_disconnect(struct engine *engine, const char *id, const struct container_config *config, struct error *err)
{
	cleanup_address_records struct address_records addresses = {0};
	bool had_names = false;
	if (config->network != CONTAINER_NETWORK_BRIDGE)
		return 0;
	if (address_list(engine->store, NULL, id, &addresses, err) < 0 ||
	    (network_is_shared(engine, id) && detach_shared(engine, &addresses, err) < 0))
		return -1;
	for (size_t i = 0; i < addresses.count; i++) {
		cleanup_network_record struct network_record record = {0};
		struct bridge bridge;
		struct endpoint endpoint = {.bridge = &bridge};
		had_names = had_names || strcmp(addresses.items[i].network, DEFAULT_NETWORK) != 0;
		if (config->port_count == 0)
			continue;
		if (network_record_find(engine->store, addresses.items[i].network, &record, err) < 0)
			return -1;
		network_fill_bridge(&record, &bridge);
		/* The ports are reserved for this container on all networks: what is there is its own. */
		if (endpoint_unpublish(&endpoint, config->ports, config->port_count, err) < 0)
			return -1;
	}
	/*
	 * The veth pairs go with the container's network namespace, whose last process is dead. To remove them here
	 * would wait for the kernel's grace periods, ten milliseconds of every run. Last: from now on the address may
	 * be somebody else's.
	 */
	if (address_release(engine->store, id, err) < 0)
		return -1;
	return had_names ? network_names_write(engine, err) : 0;
}

void network_release_dead_builds(struct engine *engine)
{
	struct error ignored = {0};
	cleanup_string_list struct string_list holders = {0};
	if (address_holders(engine->store, "build-", &holders, &ignored) < 0)
		return;
	for (size_t i = 0; i < holders.count; i++) {
		long pid = strtol(holders.items[i] + strlen("build-"), NULL, 10);
		if (pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
			continue;
		address_release(engine->store, holders.items[i], &ignored);
	}
}
