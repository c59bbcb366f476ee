#include "engine/list.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/fd.h"
#include "store/image.h"

void container_view_release(struct container_view *view)
{
	container_record_release(&view->record);
	container_config_release(&view->config);
}

void container_views_release(struct container_views *views)
{
	for (size_t i = 0; i < views->count; i++)
		container_view_release(&views->items[i]);
	free(views->items);
	*views = (struct container_views){0};
}

/* Takes the record over, whatever comes of it. */
static int make_view(struct engine *engine, struct container_record *record, struct container_view *ret_view,
		     struct error *err)
{
	cleanup_container_view struct container_view view = {.record = *record};
	*record = (struct container_record){0};
	container_config_init(&view.config);
	if (container_state_read(engine, &view.record, &view.state, err) < 0 ||
	    container_config_from_json(view.record.config, &view.config, err) < 0)
		return -1;
	*ret_view = view;
	view = (struct container_view){0};
	container_config_init(&view.config);
	return 0;
}

int container_view_list(struct engine *engine, bool all, struct container_views *ret_views, struct error *err)
{
	cleanup_container_list struct container_list list = {0};
	cleanup_container_views struct container_views views = {0};
	if (container_list(engine->store, &list, err) < 0)
		return -1;
	views.items = allocate_array(list.count, sizeof *views.items);
	for (size_t i = 0; i < list.count; i++) {
		struct container_view *view = &views.items[views.count];
		if (make_view(engine, &list.items[i], view, err) < 0) {
			/* Gone since the list was read, or by the repair: a --rm container. */
			if (err->kind != ERROR_NOT_FOUND)
				return -1;
			error_clear(err);
			continue;
		}
		if (all || container_state_is_active(&view->state))
			views.count++;
		else
			container_view_release(view);
	}
	*ret_views = views;
	views = (struct container_views){0};
	return 0;
}

int container_view_find(struct engine *engine, const char *name, struct container_view *ret_view, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	if (container_find(engine->store, name, &record, err) < 0)
		return -1;
	return make_view(engine, &record, ret_view, err);
}

char *container_view_command(const struct container_view *view)
{
	struct string_list words = {0};
	for (size_t i = 0; i < view->config.entrypoint.count; i++)
		string_list_add(&words, view->config.entrypoint.items[i]);
	for (size_t i = 0; i < view->config.command.count; i++)
		string_list_add(&words, view->config.command.items[i]);
	char *text = string_list_join(&words, " ");
	string_list_release(&words);
	return text;
}

char *container_view_networks(const struct container_view *view)
{
	const struct container_config *config = &view->config;
	if (config->network == CONTAINER_NETWORK_CONTAINER)
		return duplicate_string("");
	if (config->network != CONTAINER_NETWORK_BRIDGE)
		return container_config_network_mode(config);
	cleanup_string_list struct string_list names = {0};
	for (size_t i = 0; i < config->attachment_count; i++)
		string_list_add(&names, config->attachments[i].network);
	return string_list_join(&names, ",");
}

static void add_published(struct string_list *parts, const struct published_port *port, const char *inside)
{
	char address[INET6_ADDRSTRLEN];
	published_port_address(port, address);
	string_list_add_format(parts, port->family == AF_INET6 ? "[%s]:%u->%s" : "%s:%u->%s", address, port->host_port,
			       inside);
	if (port->is_on_ipv6_too)
		string_list_add_format(parts, "[::]:%u->%s", port->host_port, inside);
}

char *container_view_ports(const struct container_view *view)
{
	if (view->state.status != CONTAINER_RUNNING)
		return duplicate_string("");
	struct string_list parts = {0};
	for (size_t i = 0; i < view->config.exposed_ports.count; i++) {
		const char *exposed = view->config.exposed_ports.items[i];
		bool is_published = false;
		for (size_t j = 0; j < view->config.port_count; j++) {
			const struct published_port *port = &view->config.ports[j];
			cleanup_free char *inside =
				format_string("%u/%s", port->container_port, port_protocol_names[port->protocol]);
			if (strcmp(inside, exposed) != 0)
				continue;
			is_published = true;
			add_published(&parts, port, inside);
		}
		if (!is_published)
			string_list_add(&parts, exposed);
	}
	char *text = string_list_join(&parts, ", ");
	string_list_release(&parts);
	return text;
}

int container_view_sizes(struct engine *engine, const struct container_view *view, uint64_t *ret_written,
			 uint64_t *ret_total, struct error *err)
{
	uint64_t written = 0, layers = 0;
	cleanup_close int folder = -1;
	struct error ignored = {0};
	/* The first start makes it. */
	if (container_open_folder(engine->store, view->record.id, false, &folder, &ignored) == 0)
		written = tree_disk_bytes_at(folder, "upper");
	for (size_t i = 0; i < view->config.layers.count; i++) {
		struct digest diff_id;
		uint64_t size = 0;
		if (digest_parse(view->config.layers.items[i], &diff_id, err) < 0)
			return -1;
		if (image_layer_size(engine->store, &diff_id, &size, &ignored) == 0)
			layers += size;
	}
	*ret_written = written;
	*ret_total = written + layers;
	return 0;
}
