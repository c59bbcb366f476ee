#include "engine/network_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"

#define BRIDGE_PREFIX	  "com.docker.network.bridge."
#define OPTION_BRIDGE	  BRIDGE_PREFIX "name"
#define OPTION_MASQUERADE BRIDGE_PREFIX "enable_ip_masquerade"
#define OPTION_ICC	  BRIDGE_PREFIX "enable_icc"
#define OPTION_HOST	  BRIDGE_PREFIX "host_binding_ipv4"
#define OPTION_MTU	  "com.docker.network.driver.mtu"
#define MTU_MINIMUM	  68 /* IPv4's */
#define MTU_MAXIMUM	  65535
#define NAME_LIMIT	  15

struct prefix network_subnet(const struct network_record *record)
{
	struct prefix subnet = {.family = AF_INET, .length = record->prefix_length};
	memcpy(subnet.bytes, &record->subnet, sizeof record->subnet);
	return subnet;
}

struct prefix *network_taken_subnets(const struct network_records *records)
{
	struct prefix *taken = allocate_array(records->count, sizeof *taken);
	for (size_t i = 0; i < records->count; i++)
		taken[i] = network_subnet(&records->items[i]);
	return taken;
}

static bool parse_mtu(const char *text, int *ret_mtu)
{
	char *end;
	errno = 0;
	long mtu = strtol(text, &end, 10);
	if (errno || end == text || *end || mtu < MTU_MINIMUM || mtu > MTU_MAXIMUM)
		return false;
	*ret_mtu = (int)mtu;
	return true;
}

static bool is_interface_name(const char *text)
{
	return *text && strlen(text) <= NAME_LIMIT && !strpbrk(text, "/ \t\n:") && strcmp(text, ".") != 0 &&
	       strcmp(text, "..") != 0;
}

static int check_option(const char *key, const char *value, struct error *err)
{
	int mtu;
	bool flag;
	struct in_addr address;
	bool is_good;
	if (strcmp(key, OPTION_BRIDGE) == 0)
		is_good = is_interface_name(value);
	else if (strcmp(key, OPTION_MTU) == 0)
		is_good = parse_mtu(value, &mtu);
	else if (strcmp(key, OPTION_MASQUERADE) == 0 || strcmp(key, OPTION_ICC) == 0)
		is_good = text_parse_boolean(value, &flag);
	else if (strcmp(key, OPTION_HOST) == 0)
		is_good = inet_pton(AF_INET, value, &address) == 1;
	else
		return error_set(err, ERROR_INVALID,
				 "unknown option \"%s\": " OPTION_BRIDGE ", " OPTION_MASQUERADE ", " OPTION_ICC
				 ", " OPTION_HOST " and " OPTION_MTU " are known",
				 key);
	return is_good ? 0 : error_set(err, ERROR_INVALID, "invalid value \"%s\" of option %s", value, key);
}

int network_options_check(const struct string_list *options, struct error *err)
{
	for (size_t i = 0; i < options->count; i++) {
		const char *item = options->items[i], *equals = strchr(item, '=');
		cleanup_free char *key = format_string("%.*s", (int)strcspn(item, "="), item);
		if (check_option(key, equals ? equals + 1 : "", err) < 0)
			return -1;
	}
	return 0;
}

void network_settings_read(const struct string_list *options, struct network_settings *ret_settings)
{
	struct network_settings settings = {.bridge = string_list_get_key(options, OPTION_BRIDGE)};
	const char *mtu = string_list_get_key(options, OPTION_MTU);
	const char *masquerade = string_list_get_key(options, OPTION_MASQUERADE);
	const char *icc = string_list_get_key(options, OPTION_ICC);
	const char *host = string_list_get_key(options, OPTION_HOST);
	bool flag = true;
	if (mtu)
		parse_mtu(mtu, &settings.mtu);
	if (masquerade && text_parse_boolean(masquerade, &flag))
		settings.keeps_addresses = !flag;
	if (icc && text_parse_boolean(icc, &flag))
		settings.separates = !flag;
	if (host)
		inet_pton(AF_INET, host, &settings.host_binding);
	*ret_settings = settings;
}
