#include "engine/network_share.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "engine/list.h"

#define SHORT_LENGTH 12

static void release(struct network_shared *shared)
{
	const int fds[] = {shared->namespace_fd, shared->hostname_fd, shared->hosts_fd, shared->resolv_conf_fd};
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		cleanup_close_function(&fds[i]);
	free(shared->hostname);
}

static int open_file(int folder, const char *name, int *ret_fd, struct error *err)
{
	int fd = openat(folder, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_set_errno(err, errno, "open %s of the container whose network is shared", name);
	*ret_fd = fd;
	return 0;
}

bool network_is_shared(struct engine *engine, const char *id)
{
	cleanup_free char *path = format_string("containers/%s/" NETWORK_SHARED_FILE, id);
	return faccessat(engine->store->run_root_fd, path, F_OK, 0) == 0;
}

/* Before the namespace is opened: whoever takes the other container down from now on knows. */
static int note_shared(struct engine *engine, const char *id, struct error *err)
{
	cleanup_close int folder = -1;
	if (container_open_run_folder(engine->store, id, false, &folder, err) < 0)
		return -1;
	cleanup_close int fd = openat(folder, NETWORK_SHARED_FILE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? error_set_errno(err, errno, "note that a network is shared") : 0;
}

int network_share(struct engine *engine, const char *id, struct network_shared *ret_shared, struct error *err)
{
	cleanup_container_view struct container_view view = {0};
	CLEANUP(release) struct network_shared shared = NETWORK_SHARED_INIT;
	cleanup_close int folder = -1;
	if (container_view_find(engine, id, &view, err) < 0)
		return -1;
	if (!container_state_is_active(&view.state) || view.state.status == CONTAINER_RESTARTING)
		return error_set(err, ERROR_CONFLICT, "cannot join network of a non running container: %s",
				 view.record.id);
	cleanup_free char *path = format_string("/proc/%d/ns/net", (int)view.state.pid);
	if (note_shared(engine, view.record.id, err) < 0)
		return -1;
	shared.namespace_fd = open(path, O_RDONLY | O_CLOEXEC);
	/* The pid is that of a container which runs as long as its monitor holds the lock, and that is asked again. */
	struct container_state now;
	if (shared.namespace_fd < 0 || container_state_read(engine, &view.record, &now, err) < 0 ||
	    now.pid != view.state.pid)
		return error_set(err, ERROR_CONFLICT, "cannot join network of a non running container: %s",
				 view.record.id);
	if (container_open_folder(engine->store, view.record.id, false, &folder, err) < 0 ||
	    open_file(folder, "hostname", &shared.hostname_fd, err) < 0 ||
	    open_file(folder, "hosts", &shared.hosts_fd, err) < 0 ||
	    open_file(folder, "resolv.conf", &shared.resolv_conf_fd, err) < 0)
		return -1;
	shared.hostname = view.config.hostname ? duplicate_string(view.config.hostname)
					       : format_string("%.*s", SHORT_LENGTH, view.record.id);
	*ret_shared = shared;
	shared = NETWORK_SHARED_INIT;
	return 0;
}

/* The address of the other on a network that both are on; 1: there is one. */
static int find_common(const struct network_plan *network, const struct address_records *others, char *ret_text,
		       size_t size)
{
	for (size_t i = 0; i < network->count; i++) {
		for (size_t j = 0; j < others->count; j++) {
			if (strcmp(network->links[i].record.name, others->items[j].network) != 0)
				continue;
			inet_ntop(AF_INET, &others->items[j].address, ret_text, (socklen_t)size);
			return 1;
		}
	}
	return 0;
}

int network_links_resolve(struct engine *engine, const struct container_config *config,
			  const struct network_plan *network, struct string_list *hosts, struct error *err)
{
	for (size_t i = 0; i < config->links.count; i++) {
		cleanup_container_record struct container_record record = {0};
		cleanup_address_records struct address_records addresses = {0};
		char text[INET_ADDRSTRLEN];
		const char *item = config->links.items[i];
		size_t length = strcspn(item, ":");
		cleanup_free char *name = duplicate_bytes(item, length);
		if (container_find(engine->store, name, &record, err) < 0)
			return error_wrap(err, "could not get container for %s", name);
		if (address_list(engine->store, NULL, record.id, &addresses, err) < 0)
			return -1;
		if (record.started == 0 || record.finished != 0)
			return error_set(err, ERROR_CONFLICT, "Cannot link to a non running container: /%s AS %s",
					 record.name, item + length + 1);
		if (!find_common(network, &addresses, text, sizeof text))
			return error_set(err, ERROR_CONFLICT,
					 "Cannot link to /%s, as it does not belong to a network of this container",
					 record.name);
		string_list_add_format(hosts, "%s %s %.*s:%s", item + length + 1, record.name, SHORT_LENGTH, record.id,
				       text);
	}
	return 0;
}
