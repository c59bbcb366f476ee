#include "engine/create.h"
#include "engine/borrow.h"
#include "engine/events.h"

#include <string.h>

#include "base/random.h"
#include "runtime/capability.h"
#include "store/image.h"
#include "store/image_row.h"
#include "store/network.h"
#include "store/volume.h"

static const struct engine_report *report_of(const struct create_options *options)
{
	return options->progress ? &options->progress->report : NULL;
}

/* An image of another platform than --platform asks for is as good as none; ERROR_NOT_FOUND with Docker's words. */
static int check_platform(struct engine *engine, const struct create_options *options, const struct image *image,
			  struct error *err)
{
	cleanup_image_config struct image_config config = {0};
	struct platform wanted = options->platform;
	if (!options->has_platform)
		platform_host(&wanted);
	if (image_read_config(engine->store, image, &config, err) < 0)
		return -1;
	if (!config.platform.os[0] || !config.platform.architecture[0] || platform_matches(&wanted, &config.platform))
		return 0;
	cleanup_free char *wanted_text = platform_text(&wanted);
	cleanup_free char *offered = platform_text(&config.platform);
	if (options->has_platform)
		return error_set(err, ERROR_NOT_FOUND,
				 "image with reference %s was found but its platform (%s) does not match the specified "
				 "platform (%s)",
				 options->image, offered, wanted_text);
	/* It was pulled on purpose, and the kernel may know an interpreter for it. */
	engine_report_line(report_of(options),
			   "WARNING: The requested image's platform (%s) does not match the detected host platform "
			   "(%s) and no specific platform was requested",
			   offered, wanted_text);
	return 0;
}

/* ret_is_enough: what is here will do. A registry that cannot be asked leaves what is here, and that is said. */
static int look_for_newer(struct engine *engine, const struct create_options *options, const struct image *image,
			  bool *ret_is_enough, struct error *err)
{
	cleanup_reference struct reference reference = {0};
	struct error why = {0};
	bool is_newer;
	*ret_is_enough = true;
	if (image_text_is_id(options->image, &image->id) || reference_parse(options->image, &reference, NULL) < 0 ||
	    digest_is_set(&reference.digest))
		return 0;
	if (image_pull_is_newer(engine, &reference, image, options->progress, &is_newer, &why) == 0) {
		*ret_is_enough = !is_newer;
		return 0;
	}
	if (why.kind == ERROR_CANCELLED || why.kind == ERROR_SYSTEM) {
		if (err)
			*err = why;
		return -1;
	}
	engine_report_line(report_of(options), "Using the local image of %s: %s", options->image, why.message);
	return 0;
}

/* What is here. ret_is_enough: no registry needs to be asked. */
static int find_local(struct engine *engine, const struct create_options *options, struct image *ret_image,
		      bool *ret_is_enough, struct error *err)
{
	struct error why = {0};
	*ret_is_enough = false;
	if (options->pull == PULL_ALWAYS)
		return 0;
	if (image_find(engine->store, options->image, ret_image, &why) == 0 &&
	    check_platform(engine, options, ret_image, &why) == 0) {
		if (options->pull == PULL_NEWER)
			return look_for_newer(engine, options, ret_image, ret_is_enough, err);
		*ret_is_enough = true;
		return 0;
	}
	if (why.kind == ERROR_NOT_FOUND && options->pull != PULL_NEVER)
		return 0;
	if (err)
		*err = why;
	return -1;
}

/* The image of `run`: from here, or from its registry as the policy says. */
static int find_image(struct engine *engine, const struct create_options *options, struct image *ret_image,
		      struct error *err)
{
	bool is_enough;
	if (find_local(engine, options, ret_image, &is_enough, err) < 0)
		return -1;
	if (is_enough)
		return 0;
	cleanup_reference struct reference reference = {0};
	if (reference_parse(options->image, &reference, err) < 0)
		return -1;
	if (options->pull == PULL_MISSING) {
		cleanup_free char *familiar = reference_familiar_text(&reference);
		engine_report_line(report_of(options), "Unable to find image '%s' locally", familiar);
	}
	struct pull_outcome outcome = {0};
	if (image_pull(engine, &reference, options->has_platform ? &options->platform : NULL, options->progress,
		       &outcome, err) < 0)
		return -1;
	*ret_image = outcome.image;
	return 0;
}

/* Anonymous volumes get their names here, so that every start finds the same. */
static int name_volumes(struct engine *engine, const char *id, struct container_config *config, struct error *err)
{
	for (size_t i = 0; i < config->mount_count; i++) {
		struct container_mount *mount = &config->mounts[i];
		if (mount->kind != CONTAINER_MOUNT_VOLUME)
			continue;
		bool is_anonymous = mount->source[0] == '\0';
		if (is_anonymous) {
			char name[65];
			random_hex(name, sizeof name - 1);
			replace_string(&mount->source, duplicate_string(name));
		}
		/* Labels are for one that is made; one that is there stays as it is. */
		cleanup_free char *name = NULL;
		if (!is_anonymous && mount->labels.count &&
		    volume_create(engine->store, mount->source, &mount->labels, &name, err) < 0)
			return -1;
		cleanup_free char *path = NULL;
		bool made;
		if (volume_ensure(engine->store, mount->source, is_anonymous ? id : NULL, &path, &made, err) < 0)
			return -1;
	}
	return 0;
}

/* -P: what is exposed and not published yet gets a free port at the start. */
static void publish_exposed(struct container_config *config)
{
	for (size_t i = 0; i < config->exposed_ports.count; i++) {
		const char *exposed = config->exposed_ports.items[i], *slash = strchr(exposed, '/');
		struct published_port port = {.container_port = (uint16_t)strtoul(exposed, NULL, 10)};
		bool is_published = false;
		if (slash && !port_protocol_parse(slash + 1, &port.protocol))
			continue;
		for (size_t j = 0; j < config->port_count; j++)
			is_published = is_published || (config->ports[j].container_port == port.container_port &&
							config->ports[j].protocol == port.protocol);
		if (is_published || port.container_port == 0)
			continue;
		config->ports = reallocate_array(config->ports, config->port_count + 1, sizeof *config->ports);
		config->ports[config->port_count++] = port;
	}
}

/* Networks and containers that are named must be there; they are kept by name and by id. */
static int look_up_networks(struct engine *engine, struct container_config *config, struct error *err)
{
	for (size_t i = 0; i < config->attachment_count; i++) {
		cleanup_network_record struct network_record record = {0};
		struct container_attachment *attachment = &config->attachments[i];
		if (strcmp(attachment->network, DEFAULT_NETWORK) == 0)
			continue;
		if (network_record_look_up(engine->store, attachment->network, &record, err) < 0)
			return -1;
		replace_string(&attachment->network, steal_pointer(&record.name));
	}
	if (config->network != CONTAINER_NETWORK_CONTAINER)
		return 0;
	cleanup_container_record struct container_record other = {0};
	if (container_find(engine->store, config->network_container, &other, err) < 0)
		return -1;
	replace_string(&config->network_container, duplicate_string(other.id));
	return 0;
}

static int check_config(const struct container_config *config, struct error *err)
{
	uint64_t bits;
	if (container_config_capabilities(config, &bits, err) < 0)
		return -1;
	if (config->entrypoint.count + config->command.count == 0)
		return error_set(err, ERROR_INVALID, "no command specified");
	if (config->network != CONTAINER_NETWORK_BRIDGE && config->port_count)
		return error_set(err, ERROR_INVALID,
				 "ports can be published on a bridge network only; leave out -p or --network");
	return 0;
}

static int add_record(struct engine *engine, const struct create_options *options, struct container_config *config,
		      const struct image *image, struct container_record *record, struct error *err)
{
	if (options->name)
		record->name = duplicate_string(options->name);
	else if (container_generate_name(engine->store, &record->name, err) < 0)
		return -1;
	record->image = image->id;
	record->image_name = duplicate_string(options->image);
	record->config = container_config_to_json(config);
	record->created = time_now();
	record->remove_on_exit = options->remove_on_exit;
	return container_add(engine->store, record, err);
}

static int add_held(struct engine *engine, const struct create_options *options, struct container_config *config,
		    const struct image *image, struct container_record *record, struct container_hold *ret_hold,
		    struct error *err)
{
	/* While it has a run folder and no record yet, it looks like garbage. */
	cleanup_close int content = -1;
	cleanup_container_hold struct container_hold hold = CONTAINER_HOLD_INIT;
	if (container_new_id(engine->store, record->id, err) < 0 ||
	    store_lock_content(engine->store, STORE_LOCK_SHARED, &content, err) < 0)
		return -1;
	if ((ret_hold && container_hold_take(engine, record->id, &hold, err) < 0) ||
	    name_volumes(engine, record->id, config, err) < 0 ||
	    add_record(engine, options, config, image, record, err) < 0) {
		struct error ignored = {0};
		volume_remove_anonymous(engine->store, record->id, NULL, NULL, &ignored);
		container_remove_folders(engine->store, record->id, &ignored);
		return -1;
	}
	event_container(engine, record, "create", NULL);
	if (ret_hold) {
		*ret_hold = hold;
		hold = CONTAINER_HOLD_INIT;
	}
	return 0;
}

int container_create(struct engine *engine, const struct create_options *options, struct container_config *config,
		     struct container_record *ret_record, struct container_hold *ret_hold, struct error *err)
{
	if (options->name && !container_name_is_valid(options->name))
		return error_set(err, ERROR_INVALID,
				 "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
				 options->name);
	struct image image = {0};
	cleanup_image_config struct image_config defaults = {0};
	cleanup_container_record struct container_record record = {0};
	if (find_image(engine, options, &image, err) < 0 ||
	    image_read_config(engine->store, &image, &defaults, err) < 0)
		return -1;
	if (container_config_borrow(engine, config, err) < 0)
		return -1;
	container_config_apply_image(config, &defaults);
	if (options->publish_all)
		publish_exposed(config);
	if (check_config(config, err) < 0 || look_up_networks(engine, config, err) < 0 ||
	    add_held(engine, options, config, &image, &record, ret_hold, err) < 0)
		return -1;
	*ret_record = record;
	record = (struct container_record){0};
	return 0;
}
