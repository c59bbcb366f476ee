#include "engine/network_names.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "engine/container_config.h"
#include "store/address.h"

#define FOLDER	     "names"
#define NAMES_LIMIT  ((size_t)64 * 1024 * 1024)
#define SHORT_LENGTH 12

int network_names_open(struct engine *engine, struct error *err)
{
	cleanup_close int folder = open_folder_at(engine->store->run_root_fd, FOLDER, true, 0755, err);
	if (folder < 0)
		return -1;
	/* The resolver, who is nobody, looks into it from within. */
	if (fchmod(folder, 0755) < 0)
		return error_set_errno(err, errno, "set mode of folder " FOLDER);
	return steal_fd(&folder);
}

static const struct network_record *find_network(const struct network_records *networks, const char *name)
{
	for (size_t i = 0; i < networks->count; i++)
		if (strcmp(networks->items[i].name, name) == 0)
			return &networks->items[i];
	return NULL;
}

static int append_line(struct engine *engine, const struct network_record *network,
		       const struct address_record *address, struct buffer *text, struct error *err)
{
	char ipv4[INET_ADDRSTRLEN], ipv6[INET6_ADDRSTRLEN] = "-";
	cleanup_container_record struct container_record record = {0};
	cleanup_string_list struct string_list names = {0};
	struct error ignored = {0};
	if (container_find(engine->store, address->container, &record, &ignored) == 0)
		string_list_add(&names, record.name);
	for (size_t i = 0; i < address->names.count; i++)
		string_list_add_once(&names, address->names.items[i]);
	string_list_add_format(&names, "%.*s", SHORT_LENGTH, address->container);
	cleanup_free char *joined = string_list_join(&names, " ");
	inet_ntop(AF_INET, &address->address, ipv4, sizeof ipv4);
	if (!IN6_IS_ADDR_UNSPECIFIED(&address->address6))
		inet_ntop(AF_INET6, &address->address6, ipv6, sizeof ipv6);
	return buffer_append_format(text, err, "%s %s %.*s %s %s %s\n", network->name,
				    network->is_internal ? "internal" : "open", SHORT_LENGTH, address->container, ipv4,
				    ipv6, joined);
}

static int make_text(struct engine *engine, struct buffer *text, struct error *err)
{
	cleanup_network_records struct network_records networks = {0};
	cleanup_address_records struct address_records addresses = {0};
	if (network_record_list(engine->store, &networks, err) < 0 ||
	    address_list(engine->store, NULL, NULL, &addresses, err) < 0)
		return -1;
	for (size_t i = 0; i < addresses.count; i++) {
		const struct network_record *network = find_network(&networks, addresses.items[i].network);
		if (network && append_line(engine, network, &addresses.items[i], text, err) < 0)
			return -1;
	}
	return 0;
}

int network_names_write(struct engine *engine, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(NAMES_LIMIT);
	cleanup_close int folder = network_names_open(engine, err);
	if (folder < 0)
		return -1;
	/* Read and written under one lock, so that who writes last has seen what all before have committed. */
	cleanup_close int lock = openat(folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return error_set_errno(err, errno, "lock the names of networks");
	if (make_text(engine, &text, err) < 0)
		return -1;
	return atomic_file_write(folder, "names", buffer_text(&text), text.size, 0644, ATOMIC_FILE_REPLACEABLE, err);
}
