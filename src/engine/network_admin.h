/* The `network` commands: create, ls, rm, prune. */
#pragma once

#include "engine/engine.h"
#include "store/network.h"

struct network_create_options {
	const char *name;
	const struct string_list *subnets, *gateways, *ranges; /* "10.0.0.0/24", "10.0.0.1", "10.0.0.128/25" */
	const struct string_list *auxiliary;		       /* NAME=ADDRESS */
	const struct string_list *labels, *options;	       /* KEY=VALUE */
	bool is_internal, has_ipv6;
};
int network_create(struct engine *engine, const struct network_create_options *options, char ret_id[NETWORK_ID_SIZE],
		   struct error *err);

/* "bridge", "host", "null" */
const char *network_driver(const struct network_record *record);
bool network_is_predefined(const char *name);
/* With bridge, host and none, which need no row; the latter two have neither bridge nor subnet. */
int network_find(struct engine *engine, const char *text, struct network_record *ret_record, struct error *err);
/*
 * Those that pass all filters, sorted by name: dangling, driver, id, label, name, scope (local), type (custom,
 * builtin).
 */
int network_list_filtered(struct engine *engine, const struct string_list *filters, struct network_records *ret_records,
			  struct error *err);
int network_remove_named(struct engine *engine, const char *text, struct error *err);
/* Those that no running container is on. Filters: label, label!, until. Names are added. */
int network_prune(struct engine *engine, const struct string_list *filters, struct string_list *names,
		  struct error *err);
