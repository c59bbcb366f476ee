#include "store/network.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/random.h"
#include "store/event.h"
#include "store/transaction.h"

#define NAME_LIMIT   255
#define DETAILS_SIZE ((size_t)1024 * 1024)
#define COLUMNS	     "name, bridge, subnet, prefix_length, gateway, id, created, details"

void network_record_release(struct network_record *record)
{
	free(record->name);
	free(record->bridge);
	string_list_release(&record->aux);
	string_list_release(&record->labels);
	string_list_release(&record->options);
	*record = (struct network_record){0};
}

void network_records_release(struct network_records *records)
{
	for (size_t i = 0; i < records->count; i++)
		network_record_release(&records->items[i]);
	free(records->items);
	*records = (struct network_records){0};
}

bool network_name_is_valid(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t length = strlen(name);
	return length > 0 && length <= NAME_LIMIT && !strchr("_.-", name[0]) && strspn(name, letters) == length;
}

static void put_prefix(json_t *document, const char *name, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_SIZE];
	if (prefix->family == 0)
		return;
	prefix_format(prefix, text);
	json_object_set_new(document, name, json_string(text));
}

static json_t *details_to_json(const struct network_record *record)
{
	json_t *document = json_object();
	json_object_set_new(document, "internal", json_boolean(record->is_internal));
	json_object_set_new(document, "chosenSubnet", json_boolean(record->has_chosen_subnet));
	json_object_set_new(document, "chosenSubnet6", json_boolean(record->has_chosen_subnet6));
	put_prefix(document, "subnet6", &record->subnet6);
	put_prefix(document, "gateway6", &record->gateway6);
	put_prefix(document, "range", &record->range);
	json_object_set_new(document, "aux", json_from_strings(&record->aux));
	json_object_set_new(document, "labels", json_from_strings(&record->labels));
	json_object_set_new(document, "options", json_from_strings(&record->options));
	return document;
}

static int get_prefix(const json_t *document, const char *name, struct prefix *ret_prefix, struct error *err)
{
	const char *text = NULL;
	if (json_get_string(document, name, &text, err) < 0)
		return -1;
	if (text && !prefix_parse(text, ret_prefix))
		return error_set(err, ERROR_CORRUPT, "%s \"%s\" is no subnet", name, text);
	return 0;
}

static int details_from_json(const json_t *document, struct network_record *record, struct error *err)
{
	if (json_get_boolean(document, "internal", &record->is_internal, err) < 0 ||
	    json_get_boolean(document, "chosenSubnet", &record->has_chosen_subnet, err) < 0 ||
	    json_get_boolean(document, "chosenSubnet6", &record->has_chosen_subnet6, err) < 0 ||
	    get_prefix(document, "subnet6", &record->subnet6, err) < 0 ||
	    get_prefix(document, "gateway6", &record->gateway6, err) < 0 ||
	    get_prefix(document, "range", &record->range, err) < 0 ||
	    json_get_strings(document, "aux", &record->aux, err) < 0 ||
	    json_get_strings(document, "labels", &record->labels, err) < 0)
		return -1;
	return json_get_strings(document, "options", &record->options, err);
}

static int read_record(sqlite3_stmt *row, struct network_record *ret_record, struct error *err)
{
	const char *text = database_text(row, 7);
	cleanup_json json_t *details = NULL;
	cleanup_network_record struct network_record record = {
		.name = duplicate_string(database_text(row, 0)),
		.bridge = duplicate_string(database_text(row, 1)),
		.subnet.s_addr = htonl((uint32_t)sqlite3_column_int64(row, 2)),
		.prefix_length = sqlite3_column_int(row, 3),
		.gateway.s_addr = htonl((uint32_t)sqlite3_column_int64(row, 4)),
		.created = sqlite3_column_int64(row, 6),
	};
	snprintf(record.id, sizeof record.id, "%s", database_text(row, 5));
	if (json_parse(text, strlen(text), &details, err) < 0 || details_from_json(details, &record, err) < 0)
		return error_wrap(err, "record of network %s", record.name);
	*ret_record = record;
	record = (struct network_record){0};
	return 0;
}

static int find(struct store *store, const char *sql, const char *text, struct network_record *ret_record,
		struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err, sql, "t", text) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return error_set(err, ERROR_NOT_FOUND, "network %s not found", text);
	cleanup_network_record struct network_record record = {0};
	if (read_record(statement, &record, err) < 0)
		return -1;
	row = database_step(statement, err);
	if (row != 0)
		return row < 0 ? -1
			       : error_set(err, ERROR_INVALID, "network %s is ambiguous (it begins several ids)", text);
	*ret_record = record;
	record = (struct network_record){0};
	return 0;
}

int network_record_find(struct store *store, const char *name, struct network_record *ret_record, struct error *err)
{
	return find(store, "SELECT " COLUMNS " FROM network WHERE name = ?1", name, ret_record, err);
}

int network_record_look_up(struct store *store, const char *text, struct network_record *ret_record, struct error *err)
{
	if (network_record_find(store, text, ret_record, err) == 0)
		return 0;
	if (err->kind != ERROR_NOT_FOUND || !*text)
		return -1;
	error_clear(err);
	return find(store, "SELECT " COLUMNS " FROM network WHERE substr(id, 1, length(?1)) = ?1 LIMIT 2", text,
		    ret_record, err);
}

int network_record_list(struct store *store, struct network_records *ret_records, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	cleanup_network_records struct network_records records = {0};
	if (database_prepare(store->database, &statement, err, "SELECT " COLUMNS " FROM network ORDER BY name", "") < 0)
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
	records = (struct network_records){0};
	return 0;
}

static int check(const struct network_record *record, struct error *err)
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
	return 0;
}

static int insert(struct store *store, const struct network_record *record, struct error *err)
{
	struct error reason = {0};
	cleanup_json json_t *document = details_to_json(record);
	cleanup_free char *details = json_text(document);
	if (strlen(details) > DETAILS_SIZE)
		return error_set(err, ERROR_LIMIT, "labels and options of a network are longer than %zu bytes",
				 DETAILS_SIZE);
	int64_t subnet = ntohl(record->subnet.s_addr);
	if (database_run(store->database, &reason,
			 "INSERT INTO network (name, bridge, subnet, prefix_length, gateway, last_address, id, created,"
			 " details) VALUES (?1, ?2, ?3, ?4, ?5, ?3, ?6, ?7, ?8)",
			 "ttiiitit", record->name, record->bridge, subnet, (int64_t)record->prefix_length,
			 (int64_t)ntohl(record->gateway.s_addr), record->id, (int64_t)record->created, details) == 0)
		return 0;
	return reason.kind == ERROR_CONFLICT
		       ? error_set(err, ERROR_CONFLICT, "network with name %s already exists", record->name)
		       : error_set(err, reason.kind, "add network %s: %s", record->name, reason.message);
}

int network_record_add(struct store *store, struct network_record *record, network_complete_function *complete,
		       void *context, struct error *err)
{
	cleanup_network_records struct network_records others = {0};
	cleanup_transaction struct transaction transaction = {0};
	random_hex(record->id, sizeof record->id - 1);
	record->created = time_now();
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    network_record_list(store, &others, err) < 0)
		return -1;
	for (size_t i = 0; i < others.count; i++)
		if (strcmp(others.items[i].name, record->name) == 0)
			return error_set(err, ERROR_CONFLICT, "network with name %s already exists", record->name);
	if ((complete && complete(&others, record, context, err) < 0) || check(record, err) < 0 ||
	    insert(store, record, err) < 0)
		return -1;
	return transaction_commit(&transaction, err);
}

static int check_unused(struct store *store, const struct network_record *record, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	cleanup_string_list struct string_list users = {0};
	if (database_prepare(store->database, &statement, err,
			     "SELECT coalesce(container.name, address.container), substr(address.container, 1, 12)"
			     " FROM address LEFT JOIN container ON container.id = address.container"
			     " WHERE network = ?1 ORDER BY 1 LIMIT 16",
			     "t", record->name) < 0)
		return -1;
	int row;
	while ((row = database_step(statement, err)) > 0)
		string_list_add_format(&users, "name:\"%s\" id:\"%s\"", database_text(statement, 0),
				       database_text(statement, 1));
	if (row < 0 || users.count == 0)
		return row;
	cleanup_free char *text = string_list_join(&users, ", ");
	return error_set(err, ERROR_CONFLICT, "error while removing network: network %s has active endpoints (%s)",
			 record->name, text);
}

int network_record_remove(struct store *store, const struct network_record *record,
			  int (*take_down)(const struct network_record *record, struct error *err), struct error *err)
{
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    check_unused(store, record, err) < 0 || (take_down && take_down(record, err) < 0) ||
	    database_run(store->database, err, "DELETE FROM network WHERE id = ?1", "t", record->id) < 0)
		return -1;
	return transaction_commit(&transaction, err);
}
