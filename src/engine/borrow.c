#include "engine/borrow.h"

#include <string.h>

#include "engine/namespace_options.h"
#include "store/container.h"

/* Of "NAME[:MODE]". */
static int parse_source(const char *text, char **ret_name, bool *ret_read_only, struct error *err)
{
	size_t length = strcspn(text, ":");
	*ret_read_only = false;
	if (length == 0)
		return error_set(err, ERROR_INVALID, "malformed volumes-from specification: %s", text);
	cleanup_free char *modes = duplicate_string(text[length] ? text + length + 1 : "rw");
	for (char *rest = modes, *word; (word = strsep(&rest, ","));) {
		if (strcmp(word, "ro") == 0)
			*ret_read_only = true;
		else if (strcmp(word, "rw") != 0 && strcmp(word, "z") != 0 && strcmp(word, "Z") != 0)
			return error_set(err, ERROR_INVALID, "invalid mode for volumes-from: %s", text + length + 1);
	}
	*ret_name = format_string("%.*s", (int)length, text);
	return 0;
}

static bool has_target(const struct container_config *config, const char *target)
{
	for (size_t i = 0; i < config->mount_count; i++)
		if (strcmp(config->mounts[i].target, target) == 0)
			return true;
	return false;
}

static int borrow_mounts(struct engine *engine, const char *text, struct container_config *config, struct error *err)
{
	cleanup_free char *name = NULL;
	cleanup_container_record struct container_record record = {0};
	cleanup_container_config struct container_config other;
	bool read_only;
	container_config_init(&other);
	if (parse_source(text, &name, &read_only, err) < 0 || container_find(engine->store, name, &record, err) < 0 ||
	    container_config_from_json(record.config, &other, err) < 0)
		return -1;
	for (size_t i = 0; i < other.mount_count; i++) {
		struct container_mount *mount = &other.mounts[i];
		if ((mount->kind != CONTAINER_MOUNT_BIND && mount->kind != CONTAINER_MOUNT_VOLUME) ||
		    has_target(config, mount->target))
			continue;
		config->mounts = reallocate_array(config->mounts, config->mount_count + 1, sizeof *config->mounts);
		struct container_mount *own = &config->mounts[config->mount_count++];
		/* Moved: what is left behind is empty, and released as such. */
		*own = *mount;
		*mount = (struct container_mount){.kind = CONTAINER_MOUNT_TMPFS,
						  .target = duplicate_string(own->target)};
		own->read_only = own->read_only || read_only;
		own->is_borrowed = true;
	}
	return 0;
}

static int name_by_id(struct engine *engine, char **mode, struct error *err)
{
	const char *name = namespace_mode_container(*mode);
	cleanup_container_record struct container_record record = {0};
	if (!name)
		return 0;
	if (container_find(engine->store, name, &record, err) < 0)
		return -1;
	replace_string(mode, format_string("container:%s", record.id));
	return 0;
}

int container_config_borrow(struct engine *engine, struct container_config *config, struct error *err)
{
	for (size_t i = 0; i < config->volumes_from.count; i++)
		if (borrow_mounts(engine, config->volumes_from.items[i], config, err) < 0)
			return -1;
	return name_by_id(engine, &config->pid_mode, err) < 0 || name_by_id(engine, &config->ipc_mode, err) < 0 ? -1
														: 0;
}
