#include "network/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "network/kernel_setting.h"
#include "network/link.h"
#include "network/netlink.h"
#include "network/ruleset.h"

#define CONTAINER_INTERFACE "eth0"

/*
 * Interfaces made in the namespace from now on have no IPv6: a neighbour's router advertisement must not lead the
 * container's traffic elsewhere, and no address needs to be checked for duplicates. /proc/sys/net shows the namespace
 * of whoever looks, so we step into it for one write. lo keeps ::1.
 */
static int turn_ipv6_off_in(int namespace_fd, int own, struct error *err)
{
	if (setns(namespace_fd, CLONE_NEWNET) < 0)
		return error_set_errno(err, errno, "enter the container's network namespace");
	bool exists;
	int result = kernel_setting_ensure("net/ipv6/conf/default/disable_ipv6", '1', &exists, err);
	/* What comes next would change the wrong namespace. */
	if (setns(own, CLONE_NEWNET) < 0)
		return error_set_errno(err, errno, "return to our own network namespace");
	return result;
}

int endpoint_attach(const struct endpoint *endpoint, pid_t pid, struct error *err)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	cleanup_close int namespace_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (namespace_fd < 0)
		return error_set_errno(err, errno, "open the network namespace of process %d", (int)pid);
	cleanup_close int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return error_set_errno(err, errno, "open our own network namespace");
	cleanup_close int fd = netlink_open(NETLINK_ROUTE, err);
	if (fd < 0)
		return -1;
	int bridge_index = link_index(fd, endpoint->bridge->name, err);
	if (bridge_index < 0 || turn_ipv6_off_in(namespace_fd, own, err) < 0)
		return -1;
	struct link_pair pair = {
		.host_name = endpoint->host_interface,
		.bridge_index = bridge_index,
		.container_name = CONTAINER_INTERFACE,
		.host_namespace_fd = own,
		.container_namespace_fd = namespace_fd,
		.address = endpoint->address,
	};
	return link_make_pair(fd, &pair, err);
}

int endpoint_configure_inside(const void *context, struct error *err)
{
	const struct endpoint *endpoint = context;
	cleanup_close int fd = netlink_open(NETLINK_ROUTE, err);
	if (fd < 0)
		return -1;
	if (!endpoint)
		return link_set_loopback_up(fd, err);
	return link_configure_container(fd, CONTAINER_INTERFACE, endpoint->address, endpoint->bridge->prefix_length,
					endpoint->bridge->gateway, err);
}

int endpoint_detach(const struct endpoint *endpoint, struct error *err)
{
	cleanup_close int fd = netlink_open(NETLINK_ROUTE, err);
	if (fd < 0)
		return -1;
	return link_remove(fd, endpoint->host_interface, err);
}

int endpoint_publish(const struct endpoint *endpoint, const struct published_port *ports, size_t count,
		     struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (ports[i].host_port == 0 || ports[i].container_port == 0)
			return error_set(err, ERROR_INVALID, "publish ports: port 0 is none");
	return ruleset_add_ports(endpoint->bridge->name, endpoint->address, ports, count, err);
}

int endpoint_unpublish(const struct endpoint *endpoint, const struct published_port *ports, size_t count,
		       struct error *err)
{
	return ruleset_remove_ports(endpoint->bridge->name, ports, count, err);
}

int endpoint_check_port_free(const struct published_port *port, struct error *err)
{
	int type = port->is_udp ? SOCK_DGRAM : SOCK_STREAM;
	cleanup_close int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set_errno(err, errno, "open a socket");
	/* For TCP it lets us past connections that are still being closed, never past a listener. For UDP it would let
	 * us past everything. */
	int on = 1;
	if (!port->is_udp)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr = port->host_address, .sin_port = htons(port->host_port)};
	if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return 0;
	int number = errno;
	char text[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, &port->host_address, text, sizeof text);
	if (number == EADDRINUSE)
		return error_set(err, ERROR_CONFLICT, "failed to bind host port for %s:%u: address already in use",
				 text, port->host_port);
	if (number == EADDRNOTAVAIL)
		return error_set(err, ERROR_INVALID,
				 "failed to bind host port for %s:%u: cannot assign requested address (no interface of "
				 "this host has it)",
				 text, port->host_port);
	return error_set_errno(err, number, "failed to bind host port for %s:%u", text, port->host_port);
}
