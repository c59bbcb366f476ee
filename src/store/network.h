/*
 * Networks of this store, one row each. The kernel's side, a bridge and an nftables table, is made when the first
 * container needs it (network/bridge.h) and goes with the row.
 */
#pragma once

#include "base/prefix.h"
#include "base/string_list.h"
#include "store/container.h"

#define NETWORK_ID_SIZE CONTAINER_ID_SIZE

struct network_record {
	char id[NETWORK_ID_SIZE];
	char *name;	       /* "bridge" */
	char *bridge;	       /* interface name, at most 15 bytes */
	struct in_addr subnet; /* network byte order */
	int prefix_length;
	struct in_addr gateway;
	nanoseconds created;
	bool is_internal;	    /* no way out of it, none in */
	bool has_chosen_subnet;	    /* the user named it */
	struct prefix subnet6;	    /* family 0: no IPv6 */
	struct prefix gateway6;	    /* an address of it */
	bool has_chosen_subnet6;    /* the user named it */
	struct prefix range;	    /* addresses are given out of this part of the subnet; family 0: of all of it */
	struct string_list aux;	    /* NAME=ADDRESS that are never given out */
	struct string_list labels;  /* KEY=VALUE */
	struct string_list options; /* KEY=VALUE, as the user wrote them */
};
void network_record_release(struct network_record *record);
#define cleanup_network_record CLEANUP(network_record_release)

struct network_records {
	struct network_record *items; /* sorted by name */
	size_t count;
};
void network_records_release(struct network_records *records);
#define cleanup_network_records CLEANUP(network_records_release)

bool network_name_is_valid(const char *name); /* [a-zA-Z0-9][a-zA-Z0-9_.-]* */
/* By name alone. ERROR_NOT_FOUND "network X not found". */
int network_record_find(struct store *store, const char *name, struct network_record *ret_record, struct error *err);
/* By name, id, or unique prefix of an id. */
int network_record_look_up(struct store *store, const char *text, struct network_record *ret_record, struct error *err);
int network_record_list(struct store *store, struct network_records *ret_records, struct error *err);
/*
 * ERROR_CONFLICT with Docker's words where the name is taken. What is left to choose (a subnet, say) is chosen by
 * `complete` (may be NULL) inside of the transaction, with those that are there. An id and the time are set.
 */
typedef int network_complete_function(const struct network_records *others, struct network_record *record,
				      void *context, struct error *err);
int network_record_add(struct store *store, struct network_record *record, network_complete_function *complete,
		       void *context, struct error *err);
/*
 * ERROR_CONFLICT "… has active endpoints" while containers have addresses on it. `take_down` (may be NULL) is called
 * inside of the transaction, so that no container gets an address in between.
 */
int network_record_remove(struct store *store, const struct network_record *record,
			  int (*take_down)(const struct network_record *record, struct error *err), struct error *err);
