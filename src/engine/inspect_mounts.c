#include "engine/inspect_mounts.h"

#include <string.h>

#include "engine/inspect.h"
#include "store/volume.h"

static const char *const types[] = {"bind", "volume", "tmpfs"};

json_t *inspect_binds(const struct container_config *config)
{
	cleanup_string_list struct string_list binds = {0};
	for (size_t i = 0; i < config->mount_count; i++) {
		const struct container_mount *mount = &config->mounts[i];
		if (mount->kind == CONTAINER_MOUNT_TMPFS || mount->by_mount || mount->is_borrowed)
			continue;
		cleanup_string_list struct string_list modes = {0};
		if (mount->read_only)
			string_list_add(&modes, "ro");
		if (mount->is_empty)
			string_list_add(&modes, "nocopy");
		if (mount->propagation)
			string_list_add(&modes, mount->propagation);
		cleanup_free char *mode = modes.count ? string_list_join(&modes, ",") : duplicate_string("");
		string_list_add_format(&binds, "%s:%s%s%s", mount->source, mount->target, *mode ? ":" : "", mode);
	}
	return inspect_list_or_null(&binds, binds.count > 0);
}

/* One that was said with --mount, with the options of its type where there are any. */
static json_t *asked_mount(const struct container_mount *mount)
{
	json_t *one = json_pack("{s:s}", "Type", types[mount->kind]);
	if (*mount->source)
		json_object_set_new(one, "Source", json_string_nocheck(mount->source));
	json_object_set_new(one, "Target", json_string_nocheck(mount->target));
	if (mount->read_only)
		json_object_set_new(one, "ReadOnly", json_true());
	json_t *bind = json_object(), *volume = json_object();
	json_set_text(bind, "Propagation", mount->propagation);
	if (mount->is_shallow)
		json_object_set_new(bind, "NonRecursive", json_true());
	if (mount->read_only_here)
		json_object_set_new(bind, "ReadOnlyNonRecursive", json_true());
	if (mount->is_empty)
		json_object_set_new(volume, "NoCopy", json_true());
	json_set_text(volume, "Subpath", mount->subpath);
	if (mount->labels.count)
		json_object_set_new(volume, "Labels", inspect_map(&mount->labels));
	if (json_object_size(bind))
		json_object_set(one, "BindOptions", bind);
	if (json_object_size(volume))
		json_object_set(one, "VolumeOptions", volume);
	json_decref(bind);
	json_decref(volume);
	return one;
}

void inspect_add_mounts(json_t *host, const struct container_config *config)
{
	cleanup_json json_t *asked = json_array(), *tmpfs = json_object();
	for (size_t i = 0; i < config->mount_count; i++) {
		const struct container_mount *mount = &config->mounts[i];
		if (mount->by_mount && !mount->is_borrowed)
			json_array_append_new(asked, asked_mount(mount));
		else if (mount->kind == CONTAINER_MOUNT_TMPFS)
			json_object_set_new_nocheck(tmpfs, mount->target, json_string_nocheck(mount->options));
	}
	if (json_array_size(asked))
		json_object_set(host, "Mounts", asked);
	if (json_object_size(tmpfs))
		json_object_set(host, "Tmpfs", tmpfs);
}

json_t *inspect_mounts(struct engine *engine, const struct container_config *config)
{
	json_t *mounts = json_array();
	for (size_t i = 0; i < config->mount_count; i++) {
		const struct container_mount *mount = &config->mounts[i];
		if (mount->kind == CONTAINER_MOUNT_TMPFS)
			continue;
		bool is_volume = mount->kind == CONTAINER_MOUNT_VOLUME;
		json_t *one = json_pack("{s:s}", "Type", types[mount->kind]);
		cleanup_free char *path = is_volume && *mount->source ? volume_path(engine->store, mount->source)
								      : duplicate_string(mount->source);
		if (is_volume)
			json_object_set_new(one, "Name", json_string_nocheck(mount->source));
		json_object_set_new(one, "Source", json_string_nocheck(path));
		json_object_set_new(one, "Destination", json_string_nocheck(mount->target));
		if (is_volume)
			json_object_set_new(one, "Driver", json_string("local"));
		json_object_set_new(one, "Mode", json_string(mount->read_only ? "ro" : ""));
		json_object_set_new(one, "RW", json_boolean(!mount->read_only));
		json_object_set_new(one, "Propagation",
				    json_string(is_volume	     ? ""
						: mount->propagation ? mount->propagation
								     : "rprivate"));
		json_array_append_new(mounts, one);
	}
	return mounts;
}
