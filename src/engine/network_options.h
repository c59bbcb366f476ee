/* `network create`: its options (-o), and the subnets that they and others make. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

#include "base/string_list.h"
#include "store/network.h"

/* What -o says. */
struct network_settings {
	const char *bridge; /* the interface's name; NULL: one is made up */
	int mtu;	    /* 0: the kernel's */
	bool keeps_addresses, separates;
	struct in_addr host_binding; /* of ports without an address; 0.0.0.0: all */
};
/* KEY=VALUE each, as network_options_check() has let them through. */
void network_settings_read(const struct string_list *options, struct network_settings *ret_settings);
/* ERROR_INVALID for what is not known or has no such value. */
int network_options_check(const struct string_list *options, struct error *err);

struct prefix network_subnet(const struct network_record *record);
/* The IPv4 subnets of all, owned; as many as there are networks. */
struct prefix *network_taken_subnets(const struct network_records *records);
