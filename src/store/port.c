#include <arpa/inet.h>
#include <string.h>

#include "store/address.h"
#include "store/transaction.h"

#define ANY "0.0.0.0"

/* The primary key sees only equal addresses; 0.0.0.0 takes the port on all of them, :: on all of IPv6's. */
static bool covers(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || strcmp(a, ANY) == 0 || (strcmp(a, "::") == 0 && strchr(b, ':'));
}

/* An IPv4 address is a number in its row, an IPv6 one text. */
static void read_address(sqlite3_stmt *row, int column, char *text, size_t size)
{
	struct in_addr address = {htonl((uint32_t)sqlite3_column_int64(row, column))};
	if (sqlite3_column_type(row, column) == SQLITE_INTEGER)
		inet_ntop(AF_INET, &address, text, (socklen_t)size);
	else
		snprintf(text, size, "%s", database_text(row, column));
}

static int check_free(struct store *store, const char *host_address, uint16_t host_port, const char *protocol,
		      struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err,
			     "SELECT coalesce(container.name, substr(port.container, 1, 12)), address FROM port"
			     " LEFT JOIN container ON container.id = port.container"
			     " WHERE protocol = ?1 AND port = ?2",
			     "ti", protocol, (int64_t)host_port) < 0)
		return -1;
	int row;
	while ((row = database_step(statement, err)) > 0) {
		char other[INET6_ADDRSTRLEN];
		read_address(statement, 1, other, sizeof other);
		if (!covers(host_address, other) && !covers(other, host_address))
			continue;
		bool is_ipv6 = strchr(host_address, ':') != NULL;
		return error_set(err, ERROR_CONFLICT,
				 "Bind for %s%s%s:%u failed: port is already allocated (by container %s)",
				 is_ipv6 ? "[" : "", host_address, is_ipv6 ? "]" : "", (unsigned)host_port,
				 database_text(statement, 0));
	}
	return row;
}

int port_reserve(struct store *store, const char *container_id, const char *host_address, uint16_t host_port,
		 const char *protocol, struct error *err)
{
	struct in_addr address;
	bool is_ipv4 = inet_pton(AF_INET, host_address, &address) == 1;
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    check_free(store, host_address, host_port, protocol, err) < 0)
		return -1;
	static const char sql[] = "INSERT INTO port (protocol, port, address, container) VALUES (?1, ?2, ?3, ?4)";
	int result = is_ipv4 ? database_run(store->database, err, sql, "tiit", protocol, (int64_t)host_port,
					    (int64_t)ntohl(address.s_addr), container_id)
			     : database_run(store->database, err, sql, "titt", protocol, (int64_t)host_port,
					    host_address, container_id);
	if (result < 0)
		return error_wrap(err, "reserve port %u/%s", (unsigned)host_port, protocol);
	return transaction_commit(&transaction, err);
}
