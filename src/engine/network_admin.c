#include "engine/network_admin.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/random.h"
#include "engine/filter.h"
#include "engine/network.h"
#include "engine/network_options.h"
#include "network/bridge.h"
#include "oci/digest.h"
#include "store/event.h"

#define SUBNET6_LENGTH	 64
#define SUBNET6_TRIES	 100
#define CONTAINER_PREFIX "container:"

const char *network_driver(const struct network_record *record)
{
	if (*record->bridge)
		return "bridge";
	return strcmp(record->name, "host") == 0 ? "host" : "null";
}

bool network_is_predefined(const char *name)
{
	return strcmp(name, DEFAULT_NETWORK) == 0 || strcmp(name, "host") == 0 || strcmp(name, "none") == 0;
}

/* The one of the record's subnets that holds an address or a part; NULL. */
static const struct prefix *subnet_for(const struct prefix *subnet, const struct network_record *record,
				       const struct prefix *inner)
{
	if (prefix_contains(subnet, inner))
		return subnet;
	return record->subnet6.family && prefix_contains(&record->subnet6, inner) ? &record->subnet6 : NULL;
}

static int take_subnets(const struct network_create_options *options, struct network_record *record, struct error *err)
{
	for (size_t i = 0; i < options->subnets->count; i++) {
		const char *text = options->subnets->items[i];
		struct prefix subnet;
		if (!prefix_parse(text, &subnet))
			return error_set(err, ERROR_INVALID, "invalid subnet %s: invalid CIDR block notation", text);
		if (!prefix_is_masked(&subnet)) {
			prefix_mask(&subnet);
			char right[PREFIX_TEXT_SIZE];
			prefix_format(&subnet, right);
			return error_set(err, ERROR_INVALID, "invalid subnet %s: it should be %s", text, right);
		}
		bool is_ipv6 = subnet.family == AF_INET6;
		if (is_ipv6 ? record->has_chosen_subnet6 : record->has_chosen_subnet)
			return error_set(err, ERROR_INVALID, "bridge driver doesn't support multiple subnets");
		if (is_ipv6 && !options->has_ipv6)
			return error_set(err, ERROR_INVALID, "subnet %s is one of IPv6, which needs --ipv6", text);
		if (is_ipv6) {
			record->subnet6 = subnet;
			record->has_chosen_subnet6 = true;
		} else {
			memcpy(&record->subnet, subnet.bytes, sizeof record->subnet);
			record->prefix_length = subnet.length;
			record->has_chosen_subnet = true;
		}
	}
	return 0;
}

/* fd and 40 bits by chance (RFC 4193), of which the first subnet is taken. */
static int choose_subnet6(const struct network_records *others, struct network_record *record, struct error *err)
{
	for (int i = 0; i < SUBNET6_TRIES; i++) {
		struct prefix subnet = {.family = AF_INET6, .length = SUBNET6_LENGTH, .bytes = {0xfd}};
		bool is_taken = false;
		random_bytes(subnet.bytes + 1, 5);
		for (size_t j = 0; j < others->count; j++)
			is_taken = is_taken || prefix_touches(&others->items[j].subnet6, &subnet);
		if (is_taken)
			continue;
		record->subnet6 = subnet;
		return 0;
	}
	return error_set(err, ERROR_LIMIT, "no IPv6 subnet is free");
}

static int take_gateways(const struct network_create_options *options, const struct prefix *subnet,
			 struct network_record *record, struct error *err)
{
	struct prefix gateway = prefix_address_at(subnet, 1), given;
	struct prefix none = {0};
	memcpy(&record->gateway, gateway.bytes, sizeof record->gateway);
	record->gateway6 = record->subnet6.family ? prefix_address_at(&record->subnet6, 1) : none;
	for (size_t i = 0; i < options->gateways->count; i++) {
		const char *text = options->gateways->items[i];
		if (!prefix_parse_address(text, &given))
			return error_set(err, ERROR_INVALID, "invalid gateway %s: not an IP address", text);
		const struct prefix *holder = subnet_for(subnet, record, &given);
		if (!holder)
			return error_set(err, ERROR_INVALID, "no matching subnet for gateway %s", text);
		if (holder == subnet)
			memcpy(&record->gateway, given.bytes, sizeof record->gateway);
		else
			record->gateway6 = given;
	}
	return 0;
}

static int take_ranges(const struct network_create_options *options, const struct prefix *subnet,
		       struct network_record *record, struct error *err)
{
	for (size_t i = 0; i < options->ranges->count; i++) {
		const char *text = options->ranges->items[i];
		struct prefix range;
		if (!prefix_parse(text, &range))
			return error_set(err, ERROR_INVALID, "invalid ip-range %s: invalid CIDR block notation", text);
		if (!prefix_contains(subnet, &range))
			return range.family == AF_INET6
				       ? error_set(
						 err, ERROR_INVALID,
						 "ip-range %s: IPv6 addresses follow from the IPv4 ones, so the range "
						 "is one of IPv4",
						 text)
				       : error_set(err, ERROR_INVALID, "no matching subnet for range %s", text);
		if (record->range.family)
			return error_set(err, ERROR_INVALID, "cannot configure multiple ranges on the same subnet");
		prefix_mask(&range);
		record->range = range;
	}
	for (size_t i = 0; i < options->auxiliary->count; i++) {
		const char *item = options->auxiliary->items[i], *equals = strchr(item, '=');
		struct prefix address;
		char text[PREFIX_TEXT_SIZE];
		if (!equals || equals == item || !prefix_parse_address(equals + 1, &address))
			return error_set(err, ERROR_INVALID, "invalid aux-address %s: must be NAME=ADDRESS", item);
		if (!subnet_for(subnet, record, &address))
			return error_set(err, ERROR_INVALID, "no matching subnet for aux-address %s", equals + 1);
		prefix_format_address(&address, text);
		string_list_add_format(&record->aux, "%.*s=%s", (int)(equals - item), item, text);
	}
	return 0;
}

static int check_others(const struct network_records *others, const struct prefix *subnet,
			const struct network_record *record, struct error *err)
{
	for (size_t i = 0; i < others->count; i++) {
		const struct network_record *other = &others->items[i];
		struct prefix taken = network_subnet(other);
		if (prefix_touches(&taken, subnet) ||
		    (record->subnet6.family && prefix_touches(&other->subnet6, &record->subnet6)))
			return error_set(err, ERROR_DENIED,
					 "invalid pool request: Pool overlaps with other one on this address space "
					 "(network %s)",
					 other->name);
		if (strcmp(other->bridge, record->bridge) == 0)
			return error_set(err, ERROR_DENIED,
					 "cannot create network %s (%s): conflicts with network %s (%s): networks have "
					 "same bridge name",
					 record->name, record->bridge, other->name, other->bridge);
	}
	return 0;
}

/* Inside of the transaction that adds it: what is free now stays so. */
static int complete(const struct network_records *others, struct network_record *record, void *context,
		    struct error *err)
{
	const struct network_create_options *options = context;
	struct network_settings settings;
	network_settings_read(&record->options, &settings);
	record->bridge = settings.bridge ? duplicate_string(settings.bridge) : network_bridge_name(record->id);
	if (take_subnets(options, record, err) < 0)
		return -1;
	cleanup_free struct prefix *taken = network_taken_subnets(others);
	if (!record->has_chosen_subnet && bridge_choose_subnet(taken, others->count, &record->subnet,
							       &record->prefix_length, &record->gateway, err) < 0)
		return -1;
	if (options->has_ipv6 && !record->has_chosen_subnet6 && choose_subnet6(others, record, err) < 0)
		return -1;
	if (record->subnet6.family && record->subnet6.length > 96 + record->prefix_length)
		return error_set(err, ERROR_INVALID,
				 "the IPv6 subnet /%d has fewer addresses than the IPv4 one /%d, which it follows",
				 record->subnet6.length, record->prefix_length);
	struct prefix subnet = network_subnet(record);
	if (take_gateways(options, &subnet, record, err) < 0 || take_ranges(options, &subnet, record, err) < 0)
		return -1;
	return check_others(others, &subnet, record, err);
}

int network_create(struct engine *engine, const struct network_create_options *options, char ret_id[NETWORK_ID_SIZE],
		   struct error *err)
{
	if (network_is_predefined(options->name) || strcmp(options->name, "default") == 0 ||
	    strncmp(options->name, CONTAINER_PREFIX, strlen(CONTAINER_PREFIX)) == 0)
		return error_set(err, ERROR_DENIED, "operation is not permitted on predefined %s network",
				 options->name);
	if (!network_name_is_valid(options->name))
		return error_set(err, ERROR_INVALID,
				 "invalid network name \"%s\": only [a-zA-Z0-9][a-zA-Z0-9_.-]* are allowed",
				 options->name);
	if (options->subnets->count == 0 &&
	    (options->gateways->count || options->ranges->count || options->auxiliary->count))
		return error_set(err, ERROR_INVALID, "every ip-range or gateway must have a corresponding subnet");
	if (network_options_check(options->options, err) < 0)
		return -1;
	cleanup_network_record struct network_record record = {
		.name = duplicate_string(options->name),
		.is_internal = options->is_internal,
	};
	struct network_create_options wanted = *options;
	string_list_copy(&record.labels, options->labels);
	string_list_copy(&record.options, options->options);
	if (network_record_add(engine->store, &record, complete, &wanted, err) < 0)
		return -1;
	event_add(engine->store, "network", "create", record.id,
		  json_pack("{s:s, s:s}", "name", record.name, "type", "bridge"));
	memcpy(ret_id, record.id, NETWORK_ID_SIZE);
	return 0;
}

/* Networks without a row: the same for a store at all times. */
static void fill_pseudo(struct engine *engine, const char *name, struct network_record *record)
{
	struct digest digest;
	cleanup_free char *text = format_string("%s %s", engine->store->root, name);
	digest_of_bytes(text, strlen(text), &digest);
	*record = (struct network_record){.name = duplicate_string(name), .bridge = duplicate_string("")};
	snprintf(record->id, sizeof record->id, "%s", digest_hex(&digest));
}

static int list_all(struct engine *engine, struct network_records *ret_records, struct error *err)
{
	static const char *const names[] = {"host", "none"};
	cleanup_network_record struct network_record ignored = {0};
	if (network_default(engine, &ignored, err) < 0 || network_record_list(engine->store, ret_records, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct network_record record;
		fill_pseudo(engine, names[i], &record);
		size_t at = ret_records->count++;
		ret_records->items =
			reallocate_array(ret_records->items, ret_records->count, sizeof *ret_records->items);
		for (; at > 0 && strcmp(ret_records->items[at - 1].name, record.name) > 0; at--)
			ret_records->items[at] = ret_records->items[at - 1];
		ret_records->items[at] = record;
	}
	return 0;
}

int network_find(struct engine *engine, const char *text, struct network_record *ret_record, struct error *err)
{
	static const char *const names[] = {"host", "none"};
	if (strcmp(text, DEFAULT_NETWORK) == 0)
		return network_default(engine, ret_record, err);
	if (network_record_look_up(engine->store, text, ret_record, err) == 0)
		return 0;
	if (err->kind != ERROR_NOT_FOUND || !*text)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup_network_record struct network_record record = {0};
		fill_pseudo(engine, names[i], &record);
		if (strcmp(text, names[i]) != 0 && strncmp(record.id, text, strlen(text)) != 0)
			continue;
		error_clear(err);
		*ret_record = record;
		record = (struct network_record){0};
		return 0;
	}
	return -1;
}

static int passes(struct engine *engine, const struct network_record *record, const struct string_list *filters,
		  bool *ret_passes, struct error *err)
{
	bool dangling = false, is_predefined = network_is_predefined(record->name);
	*ret_passes = false;
	if (filter_flag(filters, "dangling", &dangling, err) < 0)
		return -1;
	for (size_t i = 0; i < filters->count; i++) {
		const char *type = filter_value(filters->items[i], "type");
		const char *scope = filter_value(filters->items[i], "scope");
		if (type && strcmp(type, "custom") != 0 && strcmp(type, "builtin") != 0)
			return error_set(err, ERROR_INVALID, "invalid filter: 'type'='%s'", type);
		if ((type && is_predefined != (strcmp(type, "builtin") == 0)) || (scope && strcmp(scope, "local") != 0))
			return 0;
	}
	if (!filter_match_text(filters, "id", record->id) || !filter_match_text(filters, "name", record->name) ||
	    !filter_match_text(filters, "driver", network_driver(record)) ||
	    !filter_match_labels(filters, &record->labels))
		return 0;
	if (filter_is_set(filters, "dangling")) {
		cleanup_address_records struct address_records users = {0};
		if (address_list(engine->store, record->name, NULL, &users, err) < 0)
			return -1;
		if (dangling != (users.count == 0 && !is_predefined))
			return 0;
	}
	*ret_passes = true;
	return 0;
}

int network_list_filtered(struct engine *engine, const struct string_list *filters, struct network_records *ret_records,
			  struct error *err)
{
	static const char *const known[] = {"dangling", "driver", "id", "label", "name", "scope", "type", NULL};
	cleanup_network_records struct network_records records = {0};
	if (filter_check_names(filters, known, err) < 0 || list_all(engine, &records, err) < 0)
		return -1;
	size_t kept = 0;
	for (size_t i = 0; i < records.count; i++) {
		bool is_wanted;
		if (passes(engine, &records.items[i], filters, &is_wanted, err) < 0)
			return -1;
		if (!is_wanted)
			continue;
		struct network_record moved = records.items[kept];
		records.items[kept++] = records.items[i];
		records.items[i] = moved;
	}
	for (size_t i = kept; i < records.count; i++)
		network_record_release(&records.items[i]);
	records.count = kept;
	*ret_records = records;
	records = (struct network_records){0};
	return 0;
}

static int take_down(const struct network_record *record, struct error *err)
{
	struct bridge bridge;
	network_fill_bridge(record, &bridge);
	return bridge_remove(&bridge, err);
}

static int remove_record(struct engine *engine, const struct network_record *record, struct error *err)
{
	if (network_record_remove(engine->store, record, take_down, err) < 0)
		return -1;
	event_add(engine->store, "network", "destroy", record->id,
		  json_pack("{s:s, s:s}", "name", record->name, "type", "bridge"));
	return 0;
}

int network_remove_named(struct engine *engine, const char *text, struct error *err)
{
	cleanup_network_record struct network_record record = {0};
	if (network_find(engine, text, &record, err) < 0)
		return -1;
	if (network_is_predefined(record.name))
		return error_set(err, ERROR_DENIED, "%s is a pre-defined network and cannot be removed", record.name);
	return remove_record(engine, &record, err);
}

int network_prune(struct engine *engine, const struct string_list *filters, struct string_list *names,
		  struct error *err)
{
	static const char *const known[] = {"label", "label!", "until", NULL};
	cleanup_network_records struct network_records records = {0};
	nanoseconds until;
	if (filter_check_names(filters, known, err) < 0 || filter_until(filters, time_now(), &until, err) < 0 ||
	    network_record_list(engine->store, &records, err) < 0)
		return -1;
	for (size_t i = 0; i < records.count; i++) {
		const struct network_record *record = &records.items[i];
		if (network_is_predefined(record->name) || (until && record->created > until) ||
		    !filter_match_labels(filters, &record->labels))
			continue;
		if (remove_record(engine, record, err) < 0) {
			/* In use. */
			if (err->kind != ERROR_CONFLICT)
				return -1;
			error_clear(err);
			continue;
		}
		string_list_add(names, record->name);
	}
	return 0;
}
