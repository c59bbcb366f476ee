#include <arpa/inet.h>
#include <string.h>

#include "cli/command.h"
#include "engine/list.h"

/* inside: "80/tcp", or NULL. */
static void print_port(const struct published_port *port, const char *inside)
{
	char address[INET6_ADDRSTRLEN];
	const char *arrow = inside ? " -> " : "";
	published_port_address(port, address);
	printf(port->family == AF_INET6 ? "%s%s[%s]:%u\n" : "%s%s%s:%u\n", inside ? inside : "", arrow, address,
	       port->host_port);
	if (port->is_on_ipv6_too)
		printf("%s%s[::]:%u\n", inside ? inside : "", arrow, port->host_port);
}

int cmd_port(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	cleanup_engine struct engine *engine = NULL;
	cleanup_container_view struct container_view view = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0 ||
	    container_view_find(engine, arguments[0], &view, err) < 0)
		return -1;
	bool found = false;
	bool is_running = view.state.status == CONTAINER_RUNNING;
	for (size_t i = 0; is_running && i < view.config.port_count; i++) {
		const struct published_port *port = &view.config.ports[i];
		cleanup_free char *inside =
			format_string("%u/%s", port->container_port, port_protocol_names[port->protocol]);
		if (count == 1) {
			print_port(port, inside);
			continue;
		}
		cleanup_free char *wanted = strchr(arguments[1], '/') ? duplicate_string(arguments[1])
								      : format_string("%s/tcp", arguments[1]);
		if (strcmp(wanted, inside) == 0) {
			found = true;
			print_port(port, NULL);
		}
	}
	if (count == 2 && !found)
		return error_set(err, ERROR_NOT_FOUND, "No public port '%s' published for %s", arguments[1],
				 arguments[0]);
	return 0;
}
