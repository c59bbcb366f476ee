#include "store/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "store/transaction.h"

void network_record_release(struct network_record *record)
{
	free(record->name);
	free(record->bridge);
	*record = (struct network_record){0};
}

int network_record_find(struct store *store, const char *name, struct network_record *ret_record, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err,
			     "SELECT name, bridge, subnet, prefix_length, gateway FROM network WHERE name = ?1", "t",
			     name) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return error_set(err, ERROR_NOT_FOUND, "network %s not found", name);
	*ret_record = (struct network_record){
		.name = duplicate_string(database_text(statement, 0)),
		.bridge = duplicate_string(database_text(statement, 1)),
		.subnet.s_addr = htonl((uint32_t)sqlite3_column_int64(statement, 2)),
		.prefix_length = sqlite3_column_int(statement, 3),
		.gateway.s_addr = htonl((uint32_t)sqlite3_column_int64(statement, 4)),
	};
	return 0;
}

int network_record_add(struct store *store, const struct network_record *record, struct error *err)
{
	if (record->prefix_length < 8 || record->prefix_length > 30)
		return error_set(err, ERROR_INVALID, "network %s: a subnet is /8 to /30, not /%d", record->name,
				 record->prefix_length);
	size_t length = strlen(record->bridge);
	if (length == 0 || length > 15)
		return error_set(err, ERROR_INVALID, "network %s: an interface's name has 1 to 15 bytes, not \"%s\"",
				 record->name, record->bridge);
	uint32_t mask = UINT32_MAX << (32 - record->prefix_length);
	uint32_t subnet = ntohl(record->subnet.s_addr), gateway = ntohl(record->gateway.s_addr);
	if (subnet & ~mask || (gateway & mask) != subnet || gateway == subnet || gateway == (subnet | ~mask))
		return error_set(err, ERROR_INVALID, "network %s: the gateway is not an address of the subnet",
				 record->name);
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0)
		return -1;
	struct error reason = {0};
	if (database_run(store->database, &reason,
			 "INSERT INTO network (name, bridge, subnet, prefix_length, gateway, last_address)"
			 " VALUES (?1, ?2, ?3, ?4, ?5, ?3)",
			 "ttiii", record->name, record->bridge, (int64_t)subnet, (int64_t)record->prefix_length,
			 (int64_t)gateway) < 0)
		return reason.kind == ERROR_CONFLICT
			       ? error_set(err, ERROR_CONFLICT, "network with name %s already exists", record->name)
			       : error_set(err, reason.kind, "add network %s: %s", record->name, reason.message);
	return transaction_commit(&transaction, err);
}

/* 1: it has one. */
static int find_assigned(struct store *store, const char *network, const char *container_id, uint32_t *ret_address,
			 struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(
		    store->database, &statement, err,
		    "SELECT address FROM address WHERE container = ?1 AND (?2 IS NULL OR network = ?2) LIMIT 1", "tt",
		    container_id, network) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row > 0)
		*ret_address = (uint32_t)sqlite3_column_int64(statement, 0);
	return row;
}

/*
 * The first free address in (from, to): the successor of a taken one (or `from` + 1) that is not taken itself. One look
 * into the index per taken neighbour in SQLite, so that a full /16 does not cost 65,000 statements. 1: there is one.
 */
static int find_free(struct store *store, const struct network_record *network, uint32_t from, uint32_t to,
		     uint32_t *ret_address, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(
		    store->database, &statement, err,
		    "SELECT candidate FROM (SELECT ?2 + 1 AS candidate"
		    "  UNION ALL SELECT ?4 + 1"
		    "  UNION ALL SELECT address + 1 FROM address WHERE network = ?1 AND address > ?2 AND address < ?3)"
		    " WHERE candidate > ?2 AND candidate < ?3 AND candidate != ?4 AND NOT EXISTS"
		    " (SELECT 1 FROM address WHERE network = ?1 AND address = candidate)"
		    " ORDER BY candidate LIMIT 1",
		    "tiii", network->name, (int64_t)from, (int64_t)to, (int64_t)ntohl(network->gateway.s_addr)) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row > 0)
		*ret_address = (uint32_t)sqlite3_column_int64(statement, 0);
	return row;
}

static int read_last(struct store *store, const struct network_record *network, uint32_t *ret_last, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err, "SELECT last_address FROM network WHERE name = ?1", "t",
			     network->name) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return error_set(err, ERROR_NOT_FOUND, "network %s not found", network->name);
	*ret_last = (uint32_t)sqlite3_column_int64(statement, 0);
	return 0;
}

static int assign_next(struct store *store, const struct network_record *network, const char *container_id,
		       uint32_t *ret_address, struct error *err)
{
	uint32_t subnet = ntohl(network->subnet.s_addr);
	uint32_t broadcast = subnet | ~(UINT32_MAX << (32 - network->prefix_length));
	uint32_t last = 0, address = 0;
	if (read_last(store, network, &last, err) < 0)
		return -1;
	if (last < subnet || last >= broadcast)
		last = subnet;
	int found = find_free(store, network, last, broadcast, &address, err);
	if (found == 0)
		found = find_free(store, network, subnet, last + 1, &address, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return error_set(err, ERROR_LIMIT, "no available IPv4 addresses on network %s", network->name);
	if (database_run(store->database, err, "INSERT INTO address (network, address, container) VALUES (?1, ?2, ?3)",
			 "tit", network->name, (int64_t)address, container_id) < 0 ||
	    database_run(store->database, err, "UPDATE network SET last_address = ?2 WHERE name = ?1", "ti",
			 network->name, (int64_t)address) < 0)
		return -1;
	*ret_address = address;
	return 0;
}

int address_assign(struct store *store, const struct network_record *network, const char *container_id,
		   struct in_addr *ret_address, struct error *err)
{
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0)
		return -1;
	uint32_t address = 0;
	int found = find_assigned(store, network->name, container_id, &address, err);
	if (found < 0 || (found == 0 && assign_next(store, network, container_id, &address, err) < 0) ||
	    transaction_commit(&transaction, err) < 0)
		return -1;
	ret_address->s_addr = htonl(address);
	return 0;
}

int port_reserve(struct store *store, const char *container_id, struct in_addr host_address, uint16_t host_port,
		 bool is_udp, struct error *err)
{
	const char *protocol = is_udp ? "udp" : "tcp";
	int64_t address = ntohl(host_address.s_addr);
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0)
		return -1;
	{
		/* The primary key sees only equal addresses; 0.0.0.0 takes the port on all of them. */
		cleanup_statement sqlite3_stmt *statement = NULL;
		if (database_prepare(store->database, &statement, err,
				     "SELECT coalesce(container.name, substr(port.container, 1, 12)) FROM port"
				     " LEFT JOIN container ON container.id = port.container"
				     " WHERE protocol = ?1 AND port = ?2 AND (address = ?3 OR address = 0 OR ?3 = 0)",
				     "tii", protocol, (int64_t)host_port, address) < 0)
			return -1;
		int row = database_step(statement, err);
		if (row < 0)
			return -1;
		if (row > 0) {
			char text[INET_ADDRSTRLEN] = "";
			inet_ntop(AF_INET, &host_address, text, sizeof text);
			return error_set(err, ERROR_CONFLICT,
					 "Bind for %s:%u failed: port is already allocated (by container %s)", text,
					 (unsigned)host_port, database_text(statement, 0));
		}
	}
	if (database_run(store->database, err,
			 "INSERT INTO port (protocol, port, address, container) VALUES (?1, ?2, ?3, ?4)", "tiit",
			 protocol, (int64_t)host_port, address, container_id) < 0)
		return error_wrap(err, "reserve port %u/%s", (unsigned)host_port, protocol);
	return transaction_commit(&transaction, err);
}

int address_release(struct store *store, const char *container_id, struct error *err)
{
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    database_run(store->database, err, "DELETE FROM address WHERE container = ?1", "t", container_id) < 0 ||
	    database_run(store->database, err, "DELETE FROM port WHERE container = ?1", "t", container_id) < 0)
		return -1;
	return transaction_commit(&transaction, err);
}

int address_find(struct store *store, const char *container_id, struct in_addr *ret_address, struct error *err)
{
	uint32_t address = 0;
	int found = find_assigned(store, NULL, container_id, &address, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return error_set(err, ERROR_NOT_FOUND, "container %s has no address", container_id);
	ret_address->s_addr = htonl(address);
	return 0;
}

int address_holders(struct store *store, const char *prefix, struct string_list *ret_holders, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	cleanup_string_list struct string_list holders = {0};
	if (database_prepare(store->database, &statement, err,
			     "SELECT DISTINCT container FROM address WHERE substr(container, 1, length(?1)) = ?1", "t",
			     prefix) < 0)
		return -1;
	int row;
	while ((row = database_step(statement, err)) > 0)
		string_list_add(&holders, database_text(statement, 0));
	if (row < 0)
		return -1;
	*ret_holders = holders;
	holders = (struct string_list){0};
	return 0;
}
