#include <string.h>

#include "base/time.h"
#include "engine/inspect.h"
#include "store/image.h"

static json_t *text_or_empty(const char *text)
{
	return json_string_nocheck(text ? text : "");
}

static int add_names(struct engine *engine, const struct image *image, json_t *document, struct error *err)
{
	cleanup_image_list struct image_list list = {0};
	if (image_list(engine->store, NULL, &list, err) < 0)
		return -1;
	cleanup_string_list struct string_list tags = {0}, digests = {0};
	for (size_t i = 0; i < list.count; i++) {
		const struct image_tag *tag = &list.items[i];
		if (!tag->name || !digest_equal(&tag->image.id, &image->id))
			continue;
		cleanup_free char *name = reference_familiarize(tag->name);
		cleanup_free char *digest = format_string("%s@%s", name, tag->repository_digest.text);
		if (tag->tag)
			string_list_add_format(&tags, "%s:%s", name, tag->tag);
		if (digest_is_set(&tag->repository_digest) && !string_list_contains(&digests, digest))
			string_list_add(&digests, digest);
	}
	json_object_set_new(document, "RepoTags", json_from_strings(&tags));
	json_object_set_new(document, "RepoDigests", json_from_strings(&digests));
	return 0;
}

static json_t *config_of(const struct image_config *image)
{
	json_t *config = json_object();
	json_object_set_new(config, "Hostname", json_string(""));
	json_object_set_new(config, "Domainname", json_string(""));
	json_object_set_new(config, "User", text_or_empty(image->user));
	static const char *const never[] = {"AttachStdin", "AttachStdout", "AttachStderr"};
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		json_object_set_new(config, never[i], json_false());
	if (image->exposed_ports.count)
		json_object_set_new(config, "ExposedPorts", inspect_set(&image->exposed_ports));
	json_object_set_new(config, "Tty", json_false());
	json_object_set_new(config, "OpenStdin", json_false());
	json_object_set_new(config, "StdinOnce", json_false());
	json_object_set_new(config, "Env", inspect_list_or_null(&image->environment, image->environment.count > 0));
	json_object_set_new(config, "Cmd", inspect_list_or_null(&image->command, image->has_command));
	if (image->healthcheck)
		json_object_set(config, "Healthcheck", image->healthcheck);
	json_object_set_new(config, "Image", json_string(""));
	json_object_set_new(config, "Volumes", image->volumes.count ? inspect_set(&image->volumes) : json_null());
	json_object_set_new(config, "WorkingDir", text_or_empty(image->working_directory));
	json_object_set_new(config, "Entrypoint", inspect_list_or_null(&image->entrypoint, image->has_entrypoint));
	json_object_set_new(config, "OnBuild", inspect_list_or_null(&image->on_build, image->on_build.count > 0));
	json_object_set_new(config, "Labels", image->labels.count ? inspect_map(&image->labels) : json_null());
	json_set_text(config, "StopSignal", image->stop_signal);
	if (image->shell.count)
		json_object_set_new(config, "Shell", json_from_strings(&image->shell));
	return config;
}

int inspect_image(struct engine *engine, const char *name, json_t **ret_document, struct error *err)
{
	struct image image;
	cleanup_image_config struct image_config config = {0};
	cleanup_json json_t *document = json_object();
	if (image_find(engine->store, name, &image, err) < 0 ||
	    image_read_config(engine->store, &image, &config, err) < 0)
		return -1;
	json_object_set_new(document, "Id", json_string(image.id.text));
	if (add_names(engine, &image, document, err) < 0)
		return -1;
	const char *comment = config.history_count ? config.history[config.history_count - 1].comment : NULL;
	json_object_set_new(document, "Parent", json_string(""));
	json_object_set_new(document, "Comment", text_or_empty(comment));
	json_object_set_new(document, "Created", text_or_empty(config.created));
	json_object_set_new(document, "DockerVersion", json_string(""));
	json_object_set_new(document, "Author", text_or_empty(config.author));
	json_object_set_new(document, "Config", config_of(&config));
	json_object_set_new(document, "Architecture", json_string_nocheck(config.platform.architecture));
	json_set_text(document, "Variant", config.platform.variant);
	json_object_set_new(document, "Os", json_string_nocheck(config.platform.os));
	json_object_set_new(document, "Size", json_integer((json_int_t)image.size));
	cleanup_string_list struct string_list layers = {0};
	for (size_t i = 0; i < config.diff_id_count; i++)
		string_list_add(&layers, config.diff_ids[i].text);
	json_object_set_new(document, "GraphDriver", inspect_graph_driver(engine, &layers, NULL));
	json_object_set_new(document, "RootFS",
			    json_pack("{s:s, s:o}", "Type", "layers", "Layers", json_from_strings(&layers)));
	json_object_set_new(document, "Metadata", json_pack("{s:o}", "LastTagTime", inspect_time(image.stored)));
	*ret_document = steal_pointer(&document);
	return 0;
}
