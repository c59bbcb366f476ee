#include "engine/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "engine/start.h"
#include "oci/digest.h"

#define DEFAULT_NETWORK "bridge"
#define DEFAULT_BRIDGE	"coracle0"
#define EPHEMERAL_FIRST 32768
#define EPHEMERAL_LAST	60999

void network_plan_release(struct network_plan *plan)
{
	network_record_release(&plan->record);
	*plan = (struct network_plan){0};
}

/* Two stores on one machine are two hosts, so each has a bridge of its own. */
static char *bridge_name(const struct store *store)
{
	if (strcmp(store->root, ENGINE_DEFAULT_ROOT) == 0)
		return duplicate_string(DEFAULT_BRIDGE);
	struct digest digest;
	digest_of_bytes(store->root, strlen(store->root), &digest);
	return format_string("cor-%.8s", digest_hex(&digest));
}

static int default_network(struct engine *engine, struct network_record *ret_record, struct error *err)
{
	if (network_record_find(engine->store, DEFAULT_NETWORK, ret_record, err) == 0)
		return 0;
	if (err->kind != ERROR_NOT_FOUND)
		return -1;
	error_clear(err);
	struct network_record record = {.name = duplicate_string(DEFAULT_NETWORK),
					.bridge = bridge_name(engine->store)};
	int result = bridge_choose_subnet(&record.subnet, &record.prefix_length, &record.gateway, err);
	if (result == 0)
		result = network_record_add(engine->store, &record, err);
	network_record_release(&record);
	/* Another process may have been faster: its record counts. */
	if (result < 0 && err->kind != ERROR_CONFLICT)
		return -1;
	error_clear(err);
	return network_record_find(engine->store, DEFAULT_NETWORK, ret_record, err);
}

static void fill_endpoint(struct network_plan *plan, const char *id)
{
	plan->bridge = (struct bridge){
		.name = plan->record.bridge,
		.subnet = plan->record.subnet,
		.prefix_length = plan->record.prefix_length,
		.gateway = plan->record.gateway,
	};
	plan->endpoint.bridge = &plan->bridge;
	/* The last digits: those of a build step ("build-<pid>-<random>") differ there. */
	size_t length = strlen(id);
	snprintf(plan->endpoint.host_interface, sizeof plan->endpoint.host_interface, "veth%s",
		 length > 8 ? id + length - 8 : id);
}

/* Publishes again what running containers have, after somebody flushed the ruleset. */
static int republish(struct engine *engine, const struct network_plan *plan, struct error *err)
{
	cleanup_container_list struct container_list list = {0};
	if (container_list(engine->store, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		struct container_record *record = &list.items[i];
		cleanup_container_config struct container_config config;
		container_config_init(&config);
		struct endpoint endpoint = {.bridge = &plan->bridge};
		struct error ignored = {0};
		if (record->started == 0 || record->finished != 0 ||
		    container_config_from_json(record->config, &config, &ignored) < 0 || config.port_count == 0 ||
		    address_find(engine->store, record->id, &endpoint.address, &ignored) < 0)
			continue;
		if (endpoint_publish(&endpoint, config.ports, config.port_count, err) < 0)
			return error_wrap(err, "publish the ports of container %.12s again", record->id);
	}
	return 0;
}

static int reserve(struct engine *engine, const char *id, struct published_port *port, struct error *err)
{
	if (port->host_port != 0) {
		if (port_reserve(engine->store, id, port->host_address, port->host_port, port->is_udp, err) < 0)
			return -1;
		return endpoint_check_port_free(port, err);
	}
	for (int number = EPHEMERAL_FIRST; number <= EPHEMERAL_LAST; number++) {
		struct published_port candidate = *port;
		candidate.host_port = (uint16_t)number;
		if (endpoint_check_port_free(&candidate, err) == 0 &&
		    port_reserve(engine->store, id, port->host_address, candidate.host_port, port->is_udp, err) == 0) {
			port->host_port = candidate.host_port;
			return 0;
		}
		if (err->kind != ERROR_CONFLICT)
			return -1;
		error_clear(err);
	}
	return error_set(err, ERROR_LIMIT, "all ports from %d to %d are in use", EPHEMERAL_FIRST, EPHEMERAL_LAST);
}

int network_plan_container(struct engine *engine, const char *id, struct container_config *config,
			   struct network_plan *ret_plan, struct error *err)
{
	cleanup_network_plan struct network_plan plan = {0};
	/* What a start that was killed half way may have left under this id. */
	if (address_release(engine->store, id, err) < 0)
		return -1;
	if (config->network != CONTAINER_NETWORK_BRIDGE) {
		*ret_plan = plan;
		return 0;
	}
	plan.is_bridged = true;
	if (default_network(engine, &plan.record, err) < 0)
		return -1;
	fill_endpoint(&plan, id);
	bool table_was_made = false;
	if (bridge_ensure_reporting(&plan.bridge, &table_was_made, err) < 0 ||
	    (table_was_made && republish(engine, &plan, err) < 0) ||
	    address_assign(engine->store, &plan.record, id, &plan.endpoint.address, err) < 0)
		return -1;
	for (size_t i = 0; i < config->port_count; i++) {
		if (reserve(engine, id, &config->ports[i], err) < 0) {
			struct error ignored = {0};
			address_release(engine->store, id, &ignored);
			return error_wrap(err, "driver failed programming external connectivity");
		}
	}
	*ret_plan = plan;
	/* The record moved: borrow anew. */
	fill_endpoint(ret_plan, id);
	plan = (struct network_plan){0};
	return 0;
}

int network_connect(const struct network_plan *plan, const struct container_config *config, pid_t pid,
		    struct error *err)
{
	if (!plan->is_bridged)
		return 0;
	if (endpoint_attach(&plan->endpoint, pid, err) < 0)
		return -1;
	return config->port_count ? endpoint_publish(&plan->endpoint, config->ports, config->port_count, err) : 0;
}

int network_disconnect(struct engine *engine, const char *id, const struct container_config *config, struct error *err)
{
	if (config->network != CONTAINER_NETWORK_BRIDGE)
		return 0;
	cleanup_network_plan struct network_plan plan = {0};
	if (network_record_find(engine->store, DEFAULT_NETWORK, &plan.record, err) < 0) {
		if (err->kind != ERROR_NOT_FOUND)
			return -1;
		error_clear(err);
		return 0;
	}
	fill_endpoint(&plan, id);
	if (address_find(engine->store, id, &plan.endpoint.address, err) < 0) {
		if (err->kind != ERROR_NOT_FOUND)
			return -1;
		error_clear(err);
	} else if (config->port_count &&
		   endpoint_unpublish(&plan.endpoint, config->ports, config->port_count, err) < 0) {
		return -1;
	}
	/*
	 * The veth pair goes with the container's network namespace, whose last process is dead. To remove it here
	 * would wait for the kernel's grace periods, ten milliseconds of every run. Last: from now on the address may
	 * be somebody else's.
	 */
	return address_release(engine->store, id, err);
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
