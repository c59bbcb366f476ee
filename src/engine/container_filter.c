#include "engine/container_filter.h"

#include <errno.h>
#include <string.h>

#include "store/image_usage.h"

/* The filters that need the store, resolved once for all containers. */
struct selection {
	const struct string_list *filters;
	nanoseconds before, since; /* 0: none */
	struct string_list images; /* ids, of `ancestor` */
};

static void selection_release(struct selection *selection)
{
	string_list_release(&selection->images);
}

static int parse_port(const char **text, long *ret_port)
{
	char *end;
	errno = 0;
	*ret_port = strtol(*text, &end, 10);
	if (errno || end == *text || **text == '-' || **text == '+' || *ret_port > UINT16_MAX)
		return -1;
	*text = end;
	return 0;
}

int container_filter_port(const char *name, const char *value, uint16_t port, enum port_protocol protocol,
			  bool *ret_match, struct error *err)
{
	const char *at = value;
	long first, last;
	if (strchr(value, ':'))
		return error_set(err, ERROR_INVALID, "filter for '%s' should not contain ':': %s", name, value);
	bool is_port = parse_port(&at, &first) == 0;
	last = first;
	if (is_port && *at == '-') {
		at++;
		is_port = parse_port(&at, &last) == 0 && last >= first;
	}
	enum port_protocol wanted = PORT_TCP;
	if (!is_port || (*at && (*at != '/' || !port_protocol_parse(at + 1, &wanted))))
		return error_set(err, ERROR_INVALID, "error while looking up for %s %s: invalid port", name, value);
	*ret_match = wanted == protocol && port >= first && port <= last;
	return 0;
}

static int check_words(const struct string_list *filters, const char *name, const char *const *words, struct error *err)
{
	for (size_t i = 0; i < filters->count; i++) {
		const char *value = filter_value(filters->items[i], name);
		const char *const *word = words;
		while (value && *word && strcmp(*word, value) != 0)
			word++;
		if (value && !*word)
			return error_set(err, ERROR_INVALID, "invalid filter '%s=[%s]'", name, value);
	}
	return 0;
}

/* Also where there is no container to try them on. */
static int check_values(const struct string_list *filters, struct error *err)
{
	static const char *const states[] = {"created", "dead",	      "exited",	  "paused",
					     "running", "restarting", "removing", NULL};
	static const char *const healths[] = {"healthy", "none", "starting", "unhealthy", NULL};
	bool ignored;
	if (check_words(filters, "status", states, err) < 0 || check_words(filters, "health", healths, err) < 0 ||
	    filter_flag(filters, "is-task", &ignored, err) < 0)
		return -1;
	for (size_t i = 0; i < filters->count; i++) {
		static const char *const ports[] = {"publish", "expose"};
		for (size_t j = 0; j < ARRAY_SIZE(ports); j++) {
			const char *value = filter_value(filters->items[i], ports[j]);
			if (value && container_filter_port(ports[j], value, 0, PORT_TCP, &ignored, err) < 0)
				return -1;
		}
		const char *code = filter_value(filters->items[i], "exited");
		if (code && (!*code || code[strspn(code, "-0123456789")] != '\0'))
			return error_set(err, ERROR_INVALID, "invalid filter 'exited=[%s]'", code);
	}
	return 0;
}

static int resolve_one(struct engine *engine, struct selection *selection, const char *filter, struct error *err)
{
	const char *before = filter_value(filter, "before"), *since = filter_value(filter, "since");
	const char *ancestor = filter_value(filter, "ancestor");
	if (before || since) {
		cleanup_container_record struct container_record record = {0};
		if (container_find(engine->store, before ? before : since, &record, err) < 0)
			return -1;
		if (before && (!selection->before || record.created < selection->before))
			selection->before = record.created;
		if (since && record.created > selection->since)
			selection->since = record.created;
	}
	if (ancestor) {
		struct image image;
		if (image_find(engine->store, ancestor, &image, err) < 0) {
			/* No container was made of what is not there. */
			if (err->kind != ERROR_NOT_FOUND && err->kind != ERROR_INVALID)
				return -1;
			error_clear(err);
			return 0;
		}
		return image_descendants(engine->store, &image.id, &selection->images, err);
	}
	return 0;
}

static int resolve(struct engine *engine, struct selection *selection, struct error *err)
{
	static const char *const known[] = {"ancestor", "before",    "exited", "expose", "health", "id",
					    "is-task",	"isolation", "label",  "label!", "name",   "network",
					    "publish",	"since",     "status", "volume", NULL};
	if (filter_check_names(selection->filters, known, err) < 0 || check_values(selection->filters, err) < 0)
		return -1;
	for (size_t i = 0; i < selection->filters->count; i++)
		if (resolve_one(engine, selection, selection->filters->items[i], err) < 0)
			return -1;
	return 0;
}

static bool publishes(const struct container_view *view, const char *value)
{
	bool matches = false;
	for (size_t i = 0; i < view->config.port_count && !matches; i++)
		container_filter_port("publish", value, view->config.ports[i].host_port, view->config.ports[i].protocol,
				      &matches, NULL);
	return matches;
}

static bool exposes(const struct container_view *view, const char *value)
{
	bool matches = false;
	for (size_t i = 0; i < view->config.exposed_ports.count && !matches; i++) {
		const char *text = view->config.exposed_ports.items[i];
		enum port_protocol protocol = PORT_TCP;
		long port;
		if (parse_port(&text, &port) == 0 && (*text != '/' || port_protocol_parse(text + 1, &protocol)))
			container_filter_port("expose", value, (uint16_t)port, protocol, &matches, NULL);
	}
	return matches;
}

static bool has_volume(const struct container_view *view, const char *value)
{
	for (size_t i = 0; i < view->config.mount_count; i++) {
		const struct container_mount *mount = &view->config.mounts[i];
		if (strcmp(mount->target, value) == 0 ||
		    (mount->kind == CONTAINER_MOUNT_VOLUME && strcmp(mount->source, value) == 0))
			return true;
	}
	return false;
}

static bool has_network(const struct container_view *view, const char *value)
{
	const struct container_config *config = &view->config;
	cleanup_free char *mode = container_config_network_mode(config);
	return strcmp(mode, value) == 0 || container_config_find_attachment(config, value);
}

static bool has_exited_with(const struct container_view *view, const char *value)
{
	return view->state.status == CONTAINER_EXITED && strtol(value, NULL, 10) == view->state.exit_code;
}

static bool has_health(const struct container_view *view, const char *value)
{
	return strcmp(value, view->state.health) == 0;
}

/* Whether any value of the filter holds. True where there is no such filter. */
static bool any(const struct selection *selection, const char *name, const struct container_view *view,
		bool (*holds)(const struct container_view *view, const char *value))
{
	bool is_set = false;
	for (size_t i = 0; i < selection->filters->count; i++) {
		const char *value = filter_value(selection->filters->items[i], name);
		if (value && holds(view, value))
			return true;
		is_set = is_set || value;
	}
	return !is_set;
}

static bool passes(const struct selection *selection, const struct container_view *view)
{
	static const struct {
		const char *name;
		bool (*holds)(const struct container_view *view, const char *value);
	} tests[] = {{"exited", has_exited_with}, {"expose", exposes},	  {"health", has_health},
		     {"network", has_network},	  {"publish", publishes}, {"volume", has_volume}};
	const struct string_list *filters = selection->filters;
	bool is_task = false;
	/* Docker keeps names with a slash in front, and people write "^/web$". */
	cleanup_free char *slashed = format_string("/%s", view->record.name);
	if ((selection->before && view->record.created >= selection->before) ||
	    (selection->since && view->record.created <= selection->since))
		return false;
	if (!filter_match_text(filters, "id", view->record.id) ||
	    (!filter_match_text(filters, "name", view->record.name) && !filter_match_text(filters, "name", slashed)) ||
	    !filter_match_text(filters, "status", container_state_name(&view->state)) ||
	    !filter_match_labels(filters, &view->config.labels) ||
	    (filter_is_set(filters, "ancestor") && !string_list_contains(&selection->images, view->record.image.text)))
		return false;
	filter_flag(filters, "is-task", &is_task, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		if (!any(selection, tests[i].name, view, tests[i].holds))
			return false;
	return !is_task;
}

int container_view_list_filtered(struct engine *engine, bool all, const struct string_list *filters,
				 struct container_views *ret_views, struct error *err)
{
	CLEANUP(selection_release) struct selection selection = {.filters = filters};
	cleanup_container_views struct container_views views = {0};
	if (resolve(engine, &selection, err) < 0 ||
	    container_view_list(engine, all || filter_is_set(filters, "status"), &views, err) < 0)
		return -1;
	size_t kept = 0;
	for (size_t i = 0; i < views.count; i++) {
		if (!passes(&selection, &views.items[i])) {
			container_view_release(&views.items[i]);
			continue;
		}
		if (kept != i)
			views.items[kept] = views.items[i];
		kept++;
	}
	views.count = kept;
	*ret_views = views;
	views = (struct container_views){0};
	return 0;
}
