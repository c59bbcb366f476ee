#include "network/endpoint.h"

#include <arpa/inet.h>
#include <assert.h>
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
#include "network/port_holder.h"
#include "network/ruleset.h"

const char *const port_protocol_names[] = {"tcp", "udp", "sctp"};
static_assert(ARRAY_SIZE(port_protocol_names) == PORT_SCTP + 1, "a name for each protocol");

bool port_protocol_parse(const char *text, enum port_protocol *ret_protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(port_protocol_names); i++) {
		if (strcmp(port_protocol_names[i], text) == 0) {
			*ret_protocol = (enum port_protocol)i;
			return true;
		}
	}
	return false;
}

void published_port_address(const struct published_port *port, char ret_text[INET6_ADDRSTRLEN])
{
	const void *address = port->family == AF_INET6 ? (const void *)&port->host_address6 : &port->host_address;
	inet_ntop(port->family == AF_INET6 ? AF_INET6 : AF_INET, address, ret_text, INET6_ADDRSTRLEN);
}

/*
 * Without IPv6 an interface has none at all: a neighbour's router advertisement must not lead the container's traffic
 * elsewhere. With it, it takes no advertisements either. lo keeps ::1. /proc/sys/net shows the namespace of whoever
 * looks, so we step into it for a few writes; they are about interfaces that are made from now on.
 */
static int set_ipv6_in(int namespace_fd, int own, bool has_ipv6, struct error *err)
{
	static const char *const settings[] = {"net/ipv6/conf/default/disable_ipv6", "net/ipv6/conf/default/accept_ra",
					       "net/ipv6/conf/default/autoconf"};
	if (setns(namespace_fd, CLONE_NEWNET) < 0)
		return error_set_errno(err, errno, "enter the container's network namespace");
	int result = 0;
	bool exists;
	for (size_t i = 0; result == 0 && i < (has_ipv6 ? ARRAY_SIZE(settings) : 1); i++)
		result = kernel_setting_ensure(settings[i], has_ipv6 ? '0' : '1', &exists, err);
	/* What comes next would change the wrong namespace. */
	if (setns(own, CLONE_NEWNET) < 0)
		return error_set_errno(err, errno, "return to our own network namespace");
	return result;
}

static int open_namespaces(pid_t pid, int *ret_namespace, int *ret_own, struct error *err)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	cleanup_close int namespace_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (namespace_fd < 0)
		return error_set_errno(err, errno, "open the network namespace of process %d", (int)pid);
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return error_set_errno(err, errno, "open our own network namespace");
	*ret_namespace = steal_fd(&namespace_fd);
	*ret_own = own;
	return 0;
}

int endpoint_attach(const struct endpoint *endpoint, pid_t pid, struct error *err)
{
	cleanup_close int namespace_fd = -1;
	cleanup_close int own = -1;
	if (open_namespaces(pid, &namespace_fd, &own, err) < 0)
		return -1;
	cleanup_close int fd = netlink_open(NETLINK_ROUTE, err);
	if (fd < 0)
		return -1;
	int bridge_index = link_index(fd, endpoint->bridge->name, err);
	if (bridge_index < 0 || set_ipv6_in(namespace_fd, own, endpoint->bridge->prefix_length6 != 0, err) < 0)
		return -1;
	struct link_pair pair = {
		.endpoint = endpoint,
		.bridge_index = bridge_index,
		.host_namespace_fd = own,
		.container_namespace_fd = namespace_fd,
	};
	return link_make_pair(fd, &pair, err);
}

int endpoint_configure_inside(const void *context, struct error *err)
{
	const struct endpoints *endpoints = context;
	cleanup_close int fd = netlink_open(NETLINK_ROUTE, err);
	if (fd < 0)
		return -1;
	if (endpoints->count == 0)
		return link_set_loopback_up(fd, err);
	for (size_t i = 0; i < endpoints->count; i++)
		if (link_configure_container(fd, &endpoints->items[i], err) < 0)
			return -1;
	return 0;
}

/* A socket of a namespace stays there wherever its process goes. */
static int open_socket_in(pid_t pid, struct error *err)
{
	cleanup_close int namespace_fd = -1;
	cleanup_close int own = -1;
	if (open_namespaces(pid, &namespace_fd, &own, err) < 0)
		return -1;
	if (setns(namespace_fd, CLONE_NEWNET) < 0)
		return error_set_errno(err, errno, "enter the container's network namespace");
	int fd = netlink_open(NETLINK_ROUTE, err);
	if (setns(own, CLONE_NEWNET) < 0) {
		if (fd >= 0)
			close(fd);
		return error_set_errno(err, errno, "return to our own network namespace");
	}
	return fd;
}

int endpoint_configure_in(const struct endpoint *endpoint, pid_t pid, struct error *err)
{
	cleanup_close int fd = open_socket_in(pid, err);
	return fd < 0 ? -1 : link_configure_container(fd, endpoint, err);
}

int endpoint_route_in(const struct endpoint *endpoint, pid_t pid, bool is_wanted, struct error *err)
{
	cleanup_close int fd = open_socket_in(pid, err);
	return fd < 0 ? -1 : link_set_default_route(fd, endpoint, is_wanted, err);
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
	return ruleset_add_ports(endpoint, ports, count, err);
}

int endpoint_unpublish(const struct endpoint *endpoint, const struct published_port *ports, size_t count,
		       struct error *err)
{
	return ruleset_remove_ports(endpoint->bridge, ports, count, err);
}

/* The errno, or 0. */
static int try_to_bind(int family, const struct published_port *port, struct error *err)
{
	static const struct {
		int type, protocol;
	} kinds[] = {{SOCK_STREAM, 0}, {SOCK_DGRAM, 0}, {SOCK_STREAM, IPPROTO_SCTP}};
	cleanup_close int fd =
		socket(family, kinds[port->protocol].type | SOCK_CLOEXEC, kinds[port->protocol].protocol);
	/* A family or a protocol that this kernel does not have is used by nobody. */
	if (fd < 0 && (errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT || errno == ESOCKTNOSUPPORT))
		return 0;
	if (fd < 0)
		return error_set_errno(err, errno, "open a socket");
	/* For TCP it lets us past connections that are still being closed, never past a listener. For UDP it would let
	 * us past everything. */
	int on = 1;
	if (port->protocol == PORT_TCP)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr = port->host_address, .sin_port = htons(port->host_port)};
	struct sockaddr_in6 address6 = {
		.sin6_family = AF_INET6, .sin6_addr = port->host_address6, .sin6_port = htons(port->host_port)};
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	const void *bound = family == AF_INET6 ? (const void *)&address6 : &address;
	socklen_t size = family == AF_INET6 ? sizeof address6 : sizeof address;
	return bind(fd, bound, size) == 0 ? 0 : errno;
}

int endpoint_check_port_free(const struct published_port *port, struct error *err)
{
	int number = try_to_bind(port->family == AF_INET6 ? AF_INET6 : AF_INET, port, err);
	if (number <= 0)
		return number;
	char address[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 8];
	published_port_address(port, address);
	snprintf(text, sizeof text, port->family == AF_INET6 ? "[%s]:%u" : "%s:%u", address, port->host_port);
	if (number == EADDRINUSE) {
		char holder[128] = "";
		port_holder_describe(port, holder, sizeof holder);
		return error_set(err, ERROR_CONFLICT, "failed to bind host port for %s: address already in use%s", text,
				 holder);
	}
	if (number == EADDRNOTAVAIL)
		return error_set(err, ERROR_INVALID,
				 "failed to bind host port for %s: cannot assign requested address (no interface of "
				 "this host has it)",
				 text);
	return error_set_errno(err, number, "failed to bind host port for %s", text);
}
