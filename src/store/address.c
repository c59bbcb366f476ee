#include "store/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "store/transaction.h"

#define COLUMNS "network, container, position, address, address6, hardware, names"

void address_record_release(struct address_record *record)
{
	free(record->network);
	free(record->container);
	string_list_release(&record->names);
	*record = (struct address_record){0};
}

void address_records_release(struct address_records *records)
{
	for (size_t i = 0; i < records->count; i++)
		address_record_release(&records->items[i]);
	free(records->items);
	*records = (struct address_records){0};
}

static int read_record(sqlite3_stmt *row, struct address_record *ret_record, struct error *err)
{
	const char *names = database_text(row, 6), *address6 = database_text(row, 4);
	cleanup_json json_t *wrapped = json_object();
	json_t *list = NULL;
	if (json_parse(names, strlen(names), &list, err) < 0)
		return error_wrap(err, "names of an endpoint on network %s", database_text(row, 0));
	json_object_set_new(wrapped, "names", list);
	cleanup_address_record struct address_record record = {
		.network = duplicate_string(database_text(row, 0)),
		.container = duplicate_string(database_text(row, 1)),
		.position = sqlite3_column_int(row, 2),
		.address.s_addr = htonl((uint32_t)sqlite3_column_int64(row, 3)),
	};
	if (json_get_strings(wrapped, "names", &record.names, err) < 0)
		return error_wrap(err, "endpoint on network %s", record.network);
	/* What an older version wrote has none: it follows from the address. */
	if (!hardware_address_parse(database_text(row, 5), record.hardware)) {
		record.hardware[0] = 0x02;
		record.hardware[1] = 0x42;
		memcpy(record.hardware + 2, &record.address, sizeof record.address);
	}
	if (*address6)
		inet_pton(AF_INET6, address6, &record.address6);
	*ret_record = record;
	record = (struct address_record){0};
	return 0;
}

int address_list(struct store *store, const char *network, const char *container, struct address_records *ret_records,
		 struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	cleanup_address_records struct address_records records = {0};
	const char *sql = container ? "SELECT " COLUMNS " FROM address WHERE container = ?2 AND (?1 IS NULL OR"
				      " network = ?1) ORDER BY position"
				    : "SELECT " COLUMNS " FROM address WHERE ?2 IS NULL AND (?1 IS NULL OR"
				      " network = ?1) ORDER BY network, address";
	if (database_prepare(store->database, &statement, err, sql, "tt", network, container) < 0)
		return -1;
	int row;
	while ((row = database_step(statement, err)) > 0) {
		records.items = reallocate_array(records.items, records.count + 1, sizeof *records.items);
		if (read_record(statement, &records.items[records.count], err) < 0)
			return -1;
		records.count++;
	}
	if (row < 0)
		return -1;
	*ret_records = records;
	records = (struct address_records){0};
	return 0;
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

static bool is_auxiliary(const struct network_record *network, const char *text)
{
	for (size_t i = 0; i < network->aux.count; i++) {
		const char *equals = strchr(network->aux.items[i], '=');
		if (equals && strcmp(equals + 1, text) == 0)
			return true;
	}
	return false;
}

/* The IPv6 address that goes with an IPv4 one: both are as far from the begin of their subnets. */
static struct prefix follow(const struct network_record *network, uint32_t address)
{
	return prefix_address_at(&network->subnet6, address - ntohl(network->subnet.s_addr));
}

/* 1: it has. */
static int is_taken6(struct store *store, const struct network_record *network, const char *address6, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err,
			     "SELECT 1 FROM address WHERE network = ?1 AND address6 = ?2", "tt", network->name,
			     address6) < 0)
		return -1;
	return database_step(statement, err);
}

/* 1: it may be given out, as far as others than the rows of addresses know. */
static int is_free_elsewhere(struct store *store, const struct network_record *network, uint32_t candidate,
			     bool is_followed, struct error *err)
{
	char text[PREFIX_TEXT_SIZE];
	struct in_addr address = {htonl(candidate)};
	inet_ntop(AF_INET, &address, text, sizeof text);
	if (is_auxiliary(network, text))
		return 0;
	if (!is_followed)
		return 1;
	struct prefix address6 = follow(network, candidate);
	prefix_format_address(&address6, text);
	if (is_auxiliary(network, text) || memcmp(address6.bytes, network->gateway6.bytes, sizeof address6.bytes) == 0)
		return 0;
	int taken = is_taken6(store, network, text, err);
	return taken < 0 ? -1 : !taken;
}

/* The first in (from, to) that is free for all reasons. 1: there is one. */
static int find_usable(struct store *store, const struct network_record *network, uint32_t from, uint32_t to,
		       bool is_followed, uint32_t *ret_address, struct error *err)
{
	while (from < to) {
		uint32_t candidate = 0;
		int found = find_free(store, network, from, to, &candidate, err);
		if (found <= 0)
			return found;
		int usable = is_free_elsewhere(store, network, candidate, is_followed, err);
		if (usable < 0)
			return -1;
		if (usable) {
			*ret_address = candidate;
			return 1;
		}
		from = candidate;
	}
	return 0;
}

static int choose(struct store *store, const struct network_record *network, bool is_followed, uint32_t *ret_address,
		  struct error *err)
{
	uint32_t before = ntohl(network->subnet.s_addr), last = 0;
	uint32_t behind = before | ~(UINT32_MAX << (32 - network->prefix_length));
	if (network->range.family == AF_INET) {
		uint32_t first, size = ~(UINT32_MAX << 1 << (31 - network->range.length));
		memcpy(&first, network->range.bytes, sizeof first);
		first = ntohl(first);
		if (first > before)
			before = first - 1;
		if (first + size < behind)
			behind = first + size + 1;
	}
	if (read_last(store, network, &last, err) < 0)
		return -1;
	if (last < before || last >= behind)
		last = before;
	int found = find_usable(store, network, last, behind, is_followed, ret_address, err);
	if (found == 0)
		found = find_usable(store, network, before, last + 1, is_followed, ret_address, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return error_set(err, ERROR_LIMIT, "no available IPv4 addresses on network %s", network->name);
	return database_run(store->database, err, "UPDATE network SET last_address = ?2 WHERE name = ?1", "ti",
			    network->name, (int64_t)*ret_address);
}

static int complete(struct store *store, const struct network_record *network, struct address_record *record,
		    struct error *err)
{
	static const unsigned char none[6];
	uint32_t address = ntohl(record->address.s_addr);
	bool is_followed = network->subnet6.family != 0 && IN6_IS_ADDR_UNSPECIFIED(&record->address6);
	if (address == 0 && choose(store, network, is_followed, &address, err) < 0)
		return -1;
	record->address.s_addr = htonl(address);
	if (is_followed) {
		struct prefix address6 = follow(network, address);
		memcpy(&record->address6, address6.bytes, sizeof record->address6);
	}
	/* As Docker has it: one address, one MAC, so no neighbour's cache is stale. */
	if (memcmp(record->hardware, none, sizeof none) == 0) {
		record->hardware[0] = 0x02;
		record->hardware[1] = 0x42;
		memcpy(record->hardware + 2, &record->address, sizeof record->address);
	}
	return 0;
}

static int insert(struct store *store, const struct network_record *network, const struct address_record *record,
		  struct error *err)
{
	char address6[INET6_ADDRSTRLEN], hardware[HARDWARE_TEXT_SIZE];
	cleanup_json json_t *list = json_from_strings(&record->names);
	cleanup_free char *names = json_text(list);
	bool has_ipv6 = !IN6_IS_ADDR_UNSPECIFIED(&record->address6);
	inet_ntop(AF_INET6, &record->address6, address6, sizeof address6);
	hardware_address_format(record->hardware, hardware);
	if (database_run(store->database, err,
			 "INSERT INTO address (network, address, container, position, address6, hardware, names)"
			 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
			 "titittt", network->name, (int64_t)ntohl(record->address.s_addr), record->container,
			 (int64_t)record->position, has_ipv6 ? address6 : NULL, hardware, names) == 0)
		return 0;
	return err->kind == ERROR_CONFLICT
		       ? error_set(err, ERROR_CONFLICT, "Address already in use on network %s", network->name)
		       : -1;
}

int address_assign(struct store *store, const struct network_record *network, struct address_record *record,
		   struct error *err)
{
	cleanup_address_records struct address_records there = {0};
	cleanup_transaction struct transaction transaction = {0};
	uint32_t ignored;
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    read_last(store, network, &ignored, err) < 0 ||
	    address_list(store, network->name, record->container, &there, err) < 0)
		return -1;
	if (there.count) {
		address_record_release(record);
		*record = there.items[0];
		there.items[0] = (struct address_record){0};
		return transaction_commit(&transaction, err);
	}
	if (complete(store, network, record, err) < 0 || insert(store, network, record, err) < 0)
		return -1;
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

int address_release_one(struct store *store, const char *container_id, const char *network, struct error *err)
{
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    database_run(store->database, err, "DELETE FROM address WHERE container = ?1 AND network = ?2", "tt",
			 container_id, network) < 0)
		return -1;
	return transaction_commit(&transaction, err);
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
