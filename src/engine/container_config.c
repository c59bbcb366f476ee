#include "engine/container_config.h"

#include <arpa/inet.h>
#include <string.h>

#include "runtime/capability.h"

void container_config_init(struct container_config *config)
{
	*config = (struct container_config){.stop_timeout = -1};
}

void container_mount_release(struct container_mount *mount)
{
	free(mount->source);
	free(mount->target);
	free(mount->options);
	free(mount->propagation);
	free(mount->subpath);
	string_list_release(&mount->labels);
	*mount = (struct container_mount){0};
}

void container_config_release(struct container_config *config)
{
	free(config->hostname);
	free(config->working_directory);
	free(config->user);
	free(config->stop_signal);
	free(config->cpuset_cpus);
	free(config->cpuset_mems);
	free(config->cgroup_parent);
	free(config->pid_mode);
	free(config->ipc_mode);
	free(config->uts_mode);
	free(config->cgroup_mode);
	free(config->userns_mode);
	free(config->domainname);
	free(config->seccomp_profile);
	struct string_list *lists[] = {
		&config->ulimits,	    &config->block_weights,	    &config->block_read_bytes,
		&config->block_write_bytes, &config->block_read_operations, &config->block_write_operations,
		&config->devices,	    &config->device_rules,	    &config->sysctls,
		&config->annotations,	    &config->volumes_from,	    &config->security_words};
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		string_list_release(lists[i]);
	string_list_release(&config->entrypoint);
	string_list_release(&config->command);
	string_list_release(&config->environment);
	string_list_release(&config->groups);
	string_list_release(&config->labels);
	string_list_release(&config->exposed_ports);
	string_list_release(&config->extra_hosts);
	string_list_release(&config->dns);
	string_list_release(&config->dns_search);
	string_list_release(&config->dns_options);
	string_list_release(&config->links);
	string_list_release(&config->capabilities_add);
	string_list_release(&config->capabilities_drop);
	string_list_release(&config->layers);
	string_list_release(&config->shell);
	string_list_release(&config->log_options);
	json_decref(config->healthcheck);
	for (size_t i = 0; i < config->mount_count; i++)
		container_mount_release(&config->mounts[i]);
	free(config->mounts);
	free(config->ports);
	free(config->network_container);
	while (config->attachment_count)
		container_config_remove_attachment(config, config->attachments[0].network);
	free(config->attachments);
	container_config_init(config);
}

void container_config_apply_image(struct container_config *config, const struct image_config *image)
{
	/* An entrypoint of the user's own takes the image's command with it (docs: "docker run --entrypoint"). */
	if (!config->has_entrypoint) {
		string_list_copy(&config->entrypoint, &image->entrypoint);
		if (!config->has_command)
			string_list_copy(&config->command, &image->command);
	}
	struct string_list environment = {0};
	string_list_copy(&environment, &image->environment);
	for (size_t i = 0; i < config->environment.count; i++) {
		const char *item = config->environment.items[i];
		cleanup_free char *key = format_string("%.*s", (int)strcspn(item, "="), item);
		string_list_set_key(&environment, key, strchr(item, '=') + 1);
	}
	string_list_release(&config->environment);
	config->environment = environment;
	if (!config->working_directory)
		config->working_directory = duplicate_string(image->working_directory ? image->working_directory : "");
	if (!config->user)
		config->user = duplicate_string(image->user ? image->user : "");
	if (!config->stop_signal && image->stop_signal)
		config->stop_signal = duplicate_string(image->stop_signal);
	for (size_t i = 0; i < image->labels.count; i++) {
		const char *item = image->labels.items[i];
		cleanup_free char *key = format_string("%.*s", (int)strcspn(item, "="), item);
		if (string_list_find_key(&config->labels, key) < 0)
			string_list_add(&config->labels, item);
	}
	for (size_t i = 0; i < image->exposed_ports.count; i++)
		image_config_add_sorted(&config->exposed_ports, image->exposed_ports.items[i]);
	for (size_t i = 0; i < image->diff_id_count; i++)
		string_list_add(&config->layers, image->diff_ids[i].text);
	string_list_copy(&config->shell, &image->shell);
	/* What the user says member by member goes before the image's. */
	if (!config->healthcheck)
		config->healthcheck = json_deep_copy(image->healthcheck);
	else if (image->healthcheck)
		json_object_update_missing_new(config->healthcheck, json_deep_copy(image->healthcheck));
	/* Volumes of the image that nothing was mounted on are anonymous ones. */
	for (size_t i = 0; i < image->volumes.count; i++) {
		bool taken = false;
		for (size_t j = 0; j < config->mount_count; j++)
			taken = taken || strcmp(config->mounts[j].target, image->volumes.items[i]) == 0;
		if (taken)
			continue;
		config->mounts = reallocate_array(config->mounts, config->mount_count + 1, sizeof *config->mounts);
		config->mounts[config->mount_count++] = (struct container_mount){
			.kind = CONTAINER_MOUNT_VOLUME,
			.source = duplicate_string(""),
			.target = duplicate_string(image->volumes.items[i]),
			.options = duplicate_string(""),
		};
	}
}

int container_config_capabilities(const struct container_config *config, uint64_t *ret_bits, struct error *err)
{
	if (config->privileged) {
		*ret_bits = capability_all();
		return 0;
	}
	uint64_t bits = CAPABILITY_DEFAULT_SET;
	uint64_t some;
	/* Docker's order: "--cap-drop ALL --cap-add X" leaves X. */
	for (size_t i = 0; i < config->capabilities_drop.count; i++) {
		if (capability_parse(config->capabilities_drop.items[i], &some, err) < 0)
			return -1;
		bits &= ~some;
	}
	for (size_t i = 0; i < config->capabilities_add.count; i++) {
		if (capability_parse(config->capabilities_add.items[i], &some, err) < 0)
			return -1;
		bits |= some;
	}
	*ret_bits = bits;
	return 0;
}
