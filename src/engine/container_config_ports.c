/* What users write behind -p. */
#include <arpa/inet.h>
#include <string.h>

#include "engine/container_config.h"

#define PORT_RANGE_LIMIT 4096

/* "8080" or "8080-8090". */
static int parse_port_range(const char *text, long *ret_first, long *ret_last)
{
	char *end;
	if (*text < '0' || *text > '9')
		return -1;
	long first = strtol(text, &end, 10);
	long last = first;
	if (*end == '-') {
		const char *second = end + 1;
		if (*second < '0' || *second > '9')
			return -1;
		last = strtol(second, &end, 10);
	}
	if (*end || first < 0 || last < first || last > UINT16_MAX)
		return -1;
	*ret_first = first;
	*ret_last = last;
	return 0;
}

/* "0.0.0.0", "127.0.0.1", "[::1]"; "" is all of both families. */
static int parse_host_address(const char *text, struct published_port *port, struct error *err)
{
	size_t length = strlen(text);
	bool has_brackets = length > 2 && text[0] == '[' && text[length - 1] == ']';
	cleanup_free char *bare = duplicate_bytes(text + has_brackets, length - 2 * (size_t)has_brackets);
	if (!*bare)
		return 0;
	if (inet_pton(AF_INET, bare, &port->host_address) == 1)
		port->family = AF_INET;
	else if (inet_pton(AF_INET6, bare, &port->host_address6) == 1)
		port->family = AF_INET6;
	else
		return error_set(err, ERROR_INVALID, "invalid IP address: %s", bare);
	return 0;
}

/* The parts of [[ADDRESS:]HOST_PORT:]CONTAINER_PORT, an IPv6 address in brackets or not. */
static int split(char *text, struct published_port *port, const char **ret_host, const char **ret_container,
		 struct error *err)
{
	*ret_container = text;
	*ret_host = NULL;
	char *container = strrchr(text, ':');
	if (!container)
		return 0;
	*container = '\0';
	*ret_container = container + 1;
	char *bracket = strrchr(text, ']');
	char *host = strrchr(bracket ? bracket : text, ':');
	if (!host) {
		*ret_host = text;
		return 0;
	}
	*host = '\0';
	*ret_host = host + 1;
	return parse_host_address(text, port, err);
}

static void add_port(struct container_config *config, const struct published_port *port)
{
	config->ports = reallocate_array(config->ports, config->port_count + 1, sizeof *config->ports);
	config->ports[config->port_count++] = *port;
	cleanup_free char *exposed = format_string("%u/%s", port->container_port, port_protocol_names[port->protocol]);
	image_config_add_sorted(&config->exposed_ports, exposed);
}

/* -p [[ADDRESS:]HOST_PORT:]CONTAINER_PORT[/tcp|/udp|/sctp], each port also a range. */
int container_config_add_port(struct container_config *config, const char *text, struct error *err)
{
	cleanup_free char *copy = duplicate_string(text);
	struct published_port port = {0};
	const char *host_text, *container_text;
	char *protocol = strchr(copy, '/');
	if (protocol) {
		*protocol++ = '\0';
		if (!port_protocol_parse(protocol, &port.protocol))
			return error_set(err, ERROR_INVALID, "invalid proto: %s", protocol);
	}
	if (split(copy, &port, &host_text, &container_text, err) < 0)
		return -1;
	long first, last, host_first = 0, host_last = 0;
	if (parse_port_range(container_text, &first, &last) < 0 || first == 0)
		return error_set(err, ERROR_INVALID, "invalid containerPort: %s", container_text);
	if (host_text && *host_text && parse_port_range(host_text, &host_first, &host_last) < 0)
		return error_set(err, ERROR_INVALID, "invalid hostPort: %s", host_text);
	if (host_first && host_last - host_first != last - first)
		return error_set(err, ERROR_INVALID, "invalid ranges specified for container and host Ports: %s and %s",
				 container_text, host_text);
	if (last - first >= PORT_RANGE_LIMIT || config->port_count + (size_t)(last - first) >= PORT_RANGE_LIMIT)
		return error_set(err, ERROR_LIMIT, "more than %d published ports", PORT_RANGE_LIMIT);
	for (long i = 0; i <= last - first; i++) {
		port.container_port = (uint16_t)(first + i);
		port.host_port = host_first ? (uint16_t)(host_first + i) : 0;
		add_port(config, &port);
	}
	return 0;
}
