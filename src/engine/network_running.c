#include "engine/network_running.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "base/fd.h"
#include "engine/etc_files.h"
#include "engine/list.h"
#include "engine/network.h"
#include "engine/network_admin.h"
#include "engine/network_names.h"
#include "network/resolver_sockets.h"
#include "store/event.h"

#define HOSTS_LIMIT ((size_t)1024 * 1024)

/* One at a time: both read a container's record, and write it again. */
static int lock_changes(struct engine *engine, int *ret_fd, struct error *err)
{
	cleanup_close int folder = network_names_open(engine, err);
	if (folder < 0)
		return -1;
	cleanup_close int lock = openat(folder, "changes", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return error_set_errno(err, errno, "lock the networks of containers");
	*ret_fd = steal_fd(&lock);
	return 0;
}

static bool is_running(const struct container_view *view)
{
	return container_state_is_active(&view->state) && view->state.status != CONTAINER_RESTARTING;
}

static int save(struct engine *engine, struct container_view *view, struct error *err)
{
	cleanup_json json_t *document = container_config_to_json(&view->config);
	return container_set_config(engine->store, view->record.id, document, err);
}

static int check_mode(const struct container_config *config, const struct network_record *network, struct error *err)
{
	if (config->network == CONTAINER_NETWORK_HOST || config->network == CONTAINER_NETWORK_CONTAINER)
		return error_set(err, ERROR_DENIED,
				 "container sharing network namespace with another container or host cannot be "
				 "connected to any other network");
	if (strcmp(network->name, "host") == 0)
		return error_set(err, ERROR_DENIED,
				 "container cannot be connected to host network or disconnected from it");
	if (strcmp(network->name, "none") == 0 || config->network == CONTAINER_NETWORK_NONE)
		return error_set(err, ERROR_DENIED,
				 "container cannot be connected to multiple networks with one of the networks in "
				 "private (none) mode");
	return 0;
}

static int free_position(const struct address_records *addresses)
{
	int position = 0;
	for (size_t i = 0; i < addresses->count; i++)
		if (addresses->items[i].position == position)
			position++;
	return position;
}

/* /etc/hosts of a running container: a line goes, and a line comes (either may be NULL). Written in place. */
static int change_hosts(int folder, const char *without, const char *with, const char *hostname, struct error *err)
{
	cleanup_buffer struct buffer old = {0};
	cleanup_string_list struct string_list lines = {0};
	if (read_file_at(folder, "hosts", HOSTS_LIMIT, &old, err) < 0)
		return -1;
	char *rest = old.bytes;
	size_t length = without ? strlen(without) : 0;
	for (char *line; rest && (line = strsep(&rest, "\n"));)
		if (*line && !(without && strncmp(line, without, length) == 0 && line[length] == '\t'))
			string_list_add_format(&lines, "%s\n", line);
	if (with)
		string_list_add_format(&lines, "%s\t%s\n", with, hostname);
	cleanup_free char *text = string_list_join(&lines, "");
	cleanup_close int fd = openat(folder, "hosts", O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_set_errno(err, errno, "write hosts");
	return write_full(fd, text, strlen(text), err);
}

static int update_files(struct engine *engine, const struct container_view *view, const struct address_record *gone,
			const struct address_record *come, struct error *err)
{
	cleanup_close int folder = -1;
	const struct address_record *const records[] = {gone, come};
	char texts[2][2][INET6_ADDRSTRLEN] = {0};
	cleanup_free char *hostname = view->config.hostname ? duplicate_string(view->config.hostname)
							    : format_string("%.12s", view->record.id);
	for (size_t i = 0; i < 2; i++) {
		if (!records[i])
			continue;
		inet_ntop(AF_INET, &records[i]->address, texts[i][0], sizeof texts[i][0]);
		if (!IN6_IS_ADDR_UNSPECIFIED(&records[i]->address6))
			inet_ntop(AF_INET6, &records[i]->address6, texts[i][1], sizeof texts[i][1]);
	}
	if (container_open_folder(engine->store, view->record.id, false, &folder, err) < 0)
		return -1;
	for (size_t i = 0; i < 2; i++) {
		const char *without = *texts[0][i] ? texts[0][i] : NULL, *with = *texts[1][i] ? texts[1][i] : NULL;
		if ((without || with) && change_hosts(folder, without, with, hostname, err) < 0)
			return -1;
	}
	return 0;
}

/* The container's first network that users made: from now on names are resolved in it. */
static int begin_resolving(struct engine *engine, const struct container_view *view, struct error *err)
{
	cleanup_close int folder = -1;
	struct etc_options options = {
		.dns = &view->config.dns,
		.dns_search = &view->config.dns_search,
		.dns_options = &view->config.dns_options,
		.has_resolver = true,
	};
	if (container_open_folder(engine->store, view->record.id, false, &folder, err) < 0 ||
	    resolver_redirect(view->state.pid, err) < 0)
		return -1;
	return etc_files_write_resolver(folder, &options, err);
}

static bool has_user_network(const struct address_records *addresses)
{
	for (size_t i = 0; i < addresses->count; i++)
		if (strcmp(addresses->items[i].network, DEFAULT_NETWORK) != 0)
			return true;
	return false;
}

/* Which of a running container's networks is its gateway: filled link, or 0. */
static int find_gateway(struct engine *engine, const char *id, const char *except, struct network_link *ret_link,
			struct error *err)
{
	cleanup_address_records struct address_records addresses = {0};
	if (address_list(engine->store, NULL, id, &addresses, err) < 0)
		return -1;
	for (size_t i = 0; i < addresses.count; i++) {
		cleanup_network_record struct network_record record = {0};
		if (network_record_find(engine->store, addresses.items[i].network, &record, err) < 0)
			return -1;
		if (record.is_internal || strcmp(record.name, except) == 0)
			continue;
		*ret_link = (struct network_link){.record = record, .address = addresses.items[i]};
		network_fill_bridge(&ret_link->record, &ret_link->bridge);
		record = (struct network_record){0};
		addresses.items[i] = (struct address_record){0};
		return 1;
	}
	return 0;
}

static int plug(struct engine *engine, const struct container_view *view, const struct network_link *link,
		bool is_gateway, struct error *err)
{
	struct endpoint endpoint;
	network_fill_endpoint(link, is_gateway, &endpoint);
	if (endpoint_attach(&endpoint, view->state.pid, err) < 0)
		return -1;
	if (endpoint_configure_in(&endpoint, view->state.pid, err) == 0 &&
	    (!is_gateway || view->config.port_count == 0 ||
	     endpoint_publish(&endpoint, view->config.ports, view->config.port_count, err) == 0))
		return 0;
	struct error ignored = {0};
	endpoint_detach(&endpoint, &ignored);
	return -1;
}

static int connect_running(struct engine *engine, struct container_view *view,
			   const struct container_attachment *attachment, struct error *err)
{
	cleanup_address_records struct address_records addresses = {0};
	cleanup_network_link struct network_link link = {0}, gateway = {0};
	struct error ignored = {0};
	if (address_list(engine->store, NULL, view->record.id, &addresses, err) < 0 ||
	    network_plan_link(engine, view->record.id, &view->config, attachment, free_position(&addresses), &link,
			      err) < 0)
		return -1;
	network_fill_bridge(&link.record, &link.bridge);
	int has_gateway = find_gateway(engine, view->record.id, link.record.name, &gateway, err);
	bool is_gateway = has_gateway == 0 && !link.record.is_internal;
	bool begins = !network_is_default(&link.record) && !has_user_network(&addresses);
	if (has_gateway >= 0 && plug(engine, view, &link, is_gateway, err) == 0 &&
	    update_files(engine, view, NULL, &link.address, err) == 0 && network_names_write(engine, err) == 0 &&
	    (!begins || begin_resolving(engine, view, err) == 0))
		return 0;
	struct endpoint endpoint;
	network_fill_endpoint(&link, is_gateway, &endpoint);
	endpoint_detach(&endpoint, &ignored);
	update_files(engine, view, &link.address, NULL, &ignored);
	address_release_one(engine->store, view->record.id, link.record.name, &ignored);
	network_names_write(engine, &ignored);
	return -1;
}

static void tell(struct engine *engine, const char *action, const struct network_record *network, const char *id)
{
	event_add(
		engine->store, "network", action, network->id,
		json_pack("{s:s, s:s, s:s}", "container", id, "name", network->name, "type", network_driver(network)));
}

int network_connect_container(struct engine *engine, const char *container, struct container_attachment *attachment,
			      struct error *err)
{
	cleanup_container_view struct container_view view = {0};
	cleanup_network_record struct network_record network = {0};
	cleanup_close int lock = -1;
	if (lock_changes(engine, &lock, err) < 0 || network_find(engine, attachment->network, &network, err) < 0 ||
	    container_view_find(engine, container, &view, err) < 0)
		return -1;
	replace_string(&attachment->network, duplicate_string(network.name));
	if (check_mode(&view.config, &network, err) < 0 || container_attachment_check(attachment, err) < 0)
		return -1;
	if (container_config_find_attachment(&view.config, network.name))
		return error_set(err, ERROR_DENIED, "endpoint with name %s already exists in network %s",
				 view.record.name, network.name);
	if (is_running(&view) && connect_running(engine, &view, attachment, err) < 0)
		return -1;
	struct container_attachment *added = container_config_add_attachment(&view.config, network.name);
	string_list_copy(&added->aliases, &attachment->aliases);
	added->address = duplicate_string(attachment->address);
	added->address6 = duplicate_string(attachment->address6);
	added->hardware = duplicate_string(attachment->hardware);
	if (save(engine, &view, err) < 0)
		return -1;
	tell(engine, "connect", &network, view.record.id);
	return 0;
}

/* The ports and the default route move to the next network. */
static int move_gateway(struct engine *engine, const struct container_view *view, const struct endpoint *old,
			const char *network, struct error *err)
{
	cleanup_network_link struct network_link next = {0};
	struct endpoint endpoint;
	if (endpoint_unpublish(old, view->config.ports, view->config.port_count, err) < 0)
		return -1;
	int found = find_gateway(engine, view->record.id, network, &next, err);
	if (found <= 0)
		return found;
	network_fill_bridge(&next.record, &next.bridge);
	network_fill_endpoint(&next, true, &endpoint);
	if (endpoint_route_in(&endpoint, view->state.pid, true, err) < 0)
		return -1;
	return view->config.port_count ? endpoint_publish(&endpoint, view->config.ports, view->config.port_count, err)
				       : 0;
}

static int disconnect_running(struct engine *engine, const struct container_view *view,
			      const struct network_record *network, struct error *err)
{
	cleanup_address_records struct address_records addresses = {0};
	cleanup_network_link struct network_link link = {0}, gateway = {0};
	struct endpoint endpoint;
	if (address_list(engine->store, network->name, view->record.id, &addresses, err) < 0)
		return -1;
	if (addresses.count == 0)
		return 0;
	int has_gateway = find_gateway(engine, view->record.id, "", &gateway, err);
	if (has_gateway < 0 || network_record_find(engine->store, network->name, &link.record, err) < 0)
		return -1;
	bool is_gateway = has_gateway && strcmp(gateway.record.name, network->name) == 0;
	link.address = addresses.items[0];
	addresses.items[0] = (struct address_record){0};
	network_fill_bridge(&link.record, &link.bridge);
	network_fill_endpoint(&link, is_gateway, &endpoint);
	if (endpoint_detach(&endpoint, err) < 0 ||
	    (is_gateway && move_gateway(engine, view, &endpoint, network->name, err) < 0) ||
	    address_release_one(engine->store, view->record.id, network->name, err) < 0 ||
	    update_files(engine, view, &link.address, NULL, err) < 0)
		return -1;
	return network_names_write(engine, err);
}

int network_disconnect_container(struct engine *engine, const char *network_text, const char *container, bool force,
				 struct error *err)
{
	cleanup_container_view struct container_view view = {0};
	cleanup_network_record struct network_record network = {0};
	cleanup_close int lock = -1;
	if (lock_changes(engine, &lock, err) < 0 || network_find(engine, network_text, &network, err) < 0)
		return -1;
	if (container_view_find(engine, container, &view, err) < 0) {
		if (!force || err->kind != ERROR_NOT_FOUND)
			return -1;
		error_clear(err);
		return 0;
	}
	if (strcmp(network.name, "host") == 0)
		return error_set(err, ERROR_DENIED,
				 "container cannot be disconnected from host network or connected to host network");
	if (view.config.network != CONTAINER_NETWORK_BRIDGE ||
	    !container_config_find_attachment(&view.config, network.name))
		return error_set(err, ERROR_DENIED, "container %s is not connected to network %s", view.record.id,
				 network.name);
	if (is_running(&view) && disconnect_running(engine, &view, &network, err) < 0)
		return -1;
	container_config_remove_attachment(&view.config, network.name);
	/* Without any network, it has loopback alone, until it is connected again. */
	if (save(engine, &view, err) < 0)
		return -1;
	tell(engine, "disconnect", &network, view.record.id);
	return 0;
}
