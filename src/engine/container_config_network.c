/* What users write behind --network and the options that are about it. */
#include <arpa/inet.h>
#include <string.h>

#include "engine/container_config.h"
#include "store/network.h"

#define CONTAINER_PREFIX "container:"

struct container_attachment *container_config_find_attachment(const struct container_config *config,
							      const char *network)
{
	for (size_t i = 0; i < config->attachment_count; i++)
		if (strcmp(config->attachments[i].network, network) == 0)
			return &config->attachments[i];
	return NULL;
}

struct container_attachment *container_config_add_attachment(struct container_config *config, const char *network)
{
	config->attachments =
		reallocate_array(config->attachments, config->attachment_count + 1, sizeof *config->attachments);
	struct container_attachment *attachment = &config->attachments[config->attachment_count++];
	*attachment = (struct container_attachment){.network = duplicate_string(network)};
	return attachment;
}

void container_config_remove_attachment(struct container_config *config, const char *network)
{
	struct container_attachment *attachment = container_config_find_attachment(config, network);
	if (!attachment)
		return;
	free(attachment->network);
	free(attachment->address);
	free(attachment->address6);
	free(attachment->hardware);
	string_list_release(&attachment->aliases);
	size_t index = (size_t)(attachment - config->attachments);
	config->attachment_count--;
	memmove(attachment, attachment + 1, (config->attachment_count - index) * sizeof *attachment);
}

char *container_config_network_mode(const struct container_config *config)
{
	switch (config->network) {
	case CONTAINER_NETWORK_HOST:
		return duplicate_string("host");
	case CONTAINER_NETWORK_NONE:
		return duplicate_string("none");
	case CONTAINER_NETWORK_CONTAINER:
		return format_string(CONTAINER_PREFIX "%s", config->network_container);
	default:
		return duplicate_string(config->attachment_count ? config->attachments[0].network : DEFAULT_NETWORK);
	}
}

/* One KEY=VALUE of the long form. */
static int set_field(struct container_attachment *attachment, const char *key, const char *value, struct error *err)
{
	const struct {
		const char *key;
		char **target;
	} fields[] = {{"name", &attachment->network},
		      {"ip", &attachment->address},
		      {"ip6", &attachment->address6},
		      {"mac-address", &attachment->hardware}};
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (strcmp(key, fields[i].key) != 0)
			continue;
		replace_string(fields[i].target, duplicate_string(value));
		return 0;
	}
	if (strcmp(key, "alias") == 0) {
		string_list_add_once(&attachment->aliases, value);
		return 0;
	}
	return error_set(err, ERROR_INVALID, "invalid key %s: name, alias, ip, ip6 and mac-address are known", key);
}

static int parse_long_form(struct container_config *config, const char *text, struct error *err)
{
	cleanup_free char *copy = duplicate_string(text);
	struct container_attachment *attachment = container_config_add_attachment(config, "");
	for (char *rest = copy, *word; (word = strsep(&rest, ","));) {
		char *equals = strchr(word, '=');
		if (!equals)
			return error_set(err, ERROR_INVALID, "invalid field %s: must be a key=value pair", word);
		*equals = '\0';
		if (set_field(attachment, word, equals + 1, err) < 0)
			return -1;
	}
	return *attachment->network ? 0 : error_set(err, ERROR_INVALID, "network name/id is not specified");
}

int container_config_add_network(struct container_config *config, const char *text, struct error *err)
{
	size_t before = config->attachment_count;
	if (strchr(text, '=') && parse_long_form(config, text, err) < 0)
		return error_wrap(err, "invalid argument \"%s\" for \"--network\" flag", text);
	if (!strchr(text, '='))
		container_config_add_attachment(config, *text ? text : DEFAULT_NETWORK);
	struct container_attachment *attachment = &config->attachments[before];
	if (strcmp(attachment->network, "default") == 0)
		replace_string(&attachment->network, duplicate_string(DEFAULT_NETWORK));
	for (size_t i = 0; i < before; i++)
		if (strcmp(config->attachments[i].network, attachment->network) == 0)
			return error_set(err, ERROR_INVALID, "network \"%s\" is specified multiple times",
					 attachment->network);
	return 0;
}

static int check_address(const char *text, int family, struct error *err)
{
	struct prefix address;
	if (text && (!prefix_parse_address(text, &address) || address.family != family))
		return error_set(err, ERROR_INVALID, "invalid IPv%d address: %s", family == AF_INET ? 4 : 6, text);
	return 0;
}

int container_attachment_check(const struct container_attachment *attachment, struct error *err)
{
	unsigned char bytes[6];
	if (check_address(attachment->address, AF_INET, err) < 0 ||
	    check_address(attachment->address6, AF_INET6, err) < 0)
		return -1;
	if (attachment->hardware && !hardware_address_parse(attachment->hardware, bytes))
		return error_set(err, ERROR_INVALID, "%s is not a valid mac address", attachment->hardware);
	for (size_t i = 0; i < attachment->aliases.count; i++)
		if (!*attachment->aliases.items[i] || strlen(attachment->aliases.items[i]) > 253 ||
		    strpbrk(attachment->aliases.items[i], " \t\r\n\"\\"))
			return error_set(err, ERROR_INVALID, "invalid network alias \"%s\"",
					 attachment->aliases.items[i]);
	if (strcmp(attachment->network, DEFAULT_NETWORK) != 0)
		return 0;
	if (attachment->address || attachment->address6)
		return error_set(err, ERROR_INVALID,
				 "invalid config for network bridge: invalid endpoint settings:\n"
				 "user specified IP address is supported on user defined networks only");
	if (attachment->aliases.count)
		return error_set(err, ERROR_INVALID,
				 "invalid config for network bridge: invalid endpoint settings:\n"
				 "network-scoped aliases are only supported for user-defined networks");
	return 0;
}

static int take_wish(char **target, const char *wish, const char *option, const char *field, struct error *err)
{
	if (!wish)
		return 0;
	if (*target)
		return error_set(err, ERROR_INVALID, "conflicting options: cannot specify both --%s and per-network %s",
				 option, field);
	*target = duplicate_string(wish);
	return 0;
}

static int take_wishes(struct container_attachment *first, const struct network_wishes *wishes, struct error *err)
{
	if (wishes->aliases->count && first->aliases.count)
		return error_set(err, ERROR_INVALID,
				 "conflicting options: cannot specify both --network-alias and per-network alias");
	for (size_t i = 0; i < wishes->aliases->count; i++)
		string_list_add_once(&first->aliases, wishes->aliases->items[i]);
	if (take_wish(&first->address, wishes->address, "ip", "IPv4 address", err) < 0 ||
	    take_wish(&first->address6, wishes->address6, "ip6", "IPv6 address", err) < 0)
		return -1;
	return take_wish(&first->hardware, wishes->hardware, "mac-address", "MAC address", err);
}

/* What makes no sense without a network of one's own. */
static int check_conflicts(const struct container_config *config, struct error *err)
{
	bool is_host = config->network == CONTAINER_NETWORK_HOST;
	bool is_container = config->network == CONTAINER_NETWORK_CONTAINER;
	const struct {
		bool is_wrong;
		const char *message;
	} conflicts[] = {
		{is_container && config->hostname, "conflicting options: hostname and the network mode"},
		{(is_container || is_host) && config->links.count,
		 is_host ? "conflicting options: host type networking can't be used with links. This would result in "
			   "undefined behavior"
			 : "conflicting options: container type network can't be used with links. This would result in "
			   "undefined behavior"},
		{is_container && config->dns.count + config->dns_search.count + config->dns_options.count,
		 "conflicting options: dns and the network mode"},
		{is_container && config->extra_hosts.count,
		 "conflicting options: custom host-to-IP mapping and the network mode"},
		{is_container && config->port_count,
		 "conflicting options: port publishing and the container type network mode"},
		{is_container && config->exposed_ports.count,
		 "conflicting options: port exposing and the container type network mode"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(conflicts); i++)
		if (conflicts[i].is_wrong)
			return error_set(err, ERROR_INVALID, "%s", conflicts[i].message);
	return 0;
}

/* host, none and container:ID stand alone. */
static int take_mode(struct container_config *config, const struct network_wishes *wishes, struct error *err)
{
	const char *name = config->attachments[0].network;
	bool is_container = strncmp(name, CONTAINER_PREFIX, strlen(CONTAINER_PREFIX)) == 0;
	config->network = is_container		      ? CONTAINER_NETWORK_CONTAINER
			  : strcmp(name, "host") == 0 ? CONTAINER_NETWORK_HOST
			  : strcmp(name, "none") == 0 ? CONTAINER_NETWORK_NONE
						      : CONTAINER_NETWORK_BRIDGE;
	if (config->network == CONTAINER_NETWORK_BRIDGE)
		return 0;
	if (is_container && !name[strlen(CONTAINER_PREFIX)])
		return error_set(err, ERROR_INVALID, "invalid container format container:<name|id>");
	const struct container_attachment *first = &config->attachments[0];
	if (wishes->aliases->count || first->aliases.count)
		return error_set(err, ERROR_INVALID,
				 "network-scoped aliases are only supported for user-defined networks");
	if (wishes->address || wishes->address6 || first->address || first->address6)
		return error_set(err, ERROR_INVALID,
				 "user specified IP address is supported on user defined networks only");
	if (wishes->hardware || first->hardware)
		return error_set(err, ERROR_INVALID, "conflicting options: mac-address and the network mode");
	if (is_container)
		replace_string(&config->network_container, duplicate_string(name + strlen(CONTAINER_PREFIX)));
	container_config_remove_attachment(config, name);
	return 0;
}

int container_config_complete_network(struct container_config *config, const struct network_wishes *wishes,
				      struct error *err)
{
	if (config->attachment_count == 0)
		container_config_add_attachment(config, DEFAULT_NETWORK);
	for (size_t i = 0; config->attachment_count > 1 && i < config->attachment_count; i++) {
		const char *name = config->attachments[i].network;
		if (strcmp(name, "host") == 0 || strcmp(name, "none") == 0 ||
		    strncmp(name, CONTAINER_PREFIX, strlen(CONTAINER_PREFIX)) == 0)
			return error_set(err, ERROR_INVALID,
					 "conflicting options: cannot attach both user-defined and non-user-defined "
					 "network-modes");
	}
	if (take_mode(config, wishes, err) < 0 || check_conflicts(config, err) < 0)
		return -1;
	if (config->network == CONTAINER_NETWORK_BRIDGE && take_wishes(&config->attachments[0], wishes, err) < 0)
		return -1;
	for (size_t i = 0; i < config->attachment_count; i++)
		if (container_attachment_check(&config->attachments[i], err) < 0)
			return -1;
	return 0;
}

int container_config_add_extra_host(struct container_config *config, const char *text, struct error *err)
{
	size_t length = strcspn(text, strchr(text, '=') ? "=" : ":");
	const char *address = text[length] ? text + length + 1 : "";
	size_t size = strlen(address);
	bool has_brackets = size > 2 && address[0] == '[' && address[size - 1] == ']';
	cleanup_free char *bare = duplicate_bytes(address + has_brackets, size - 2 * (size_t)has_brackets);
	struct prefix ignored;
	if (length == 0 || !text[length])
		return error_set(err, ERROR_USAGE, "bad format for add-host: \"%s\"", text);
	if (strpbrk(text, " \t\r\n") || (strcmp(bare, HOST_GATEWAY) != 0 && !prefix_parse_address(bare, &ignored)))
		return error_set(err, ERROR_USAGE, "invalid IP address in add-host: \"%s\"", bare);
	string_list_add_format(&config->extra_hosts, "%.*s:%s", (int)length, text, bare);
	return 0;
}

int container_config_add_link(struct container_config *config, const char *text, struct error *err)
{
	size_t length = strcspn(text, ":");
	const char *alias = text[length] ? text + length + 1 : text;
	if (length == 0 || !*alias || strchr(alias, ':') || strpbrk(text, " \t\r\n"))
		return error_set(err, ERROR_USAGE, "bad format for links: %s", text);
	/* "/web" is how Docker keeps names. */
	const char *name = *text == '/' ? text + 1 : text;
	string_list_add_format(&config->links, "%.*s:%s", (int)(length - (size_t)(name - text)), name,
			       *alias == '/' ? alias + 1 : alias);
	return 0;
}
