/*
 * Image configurations. The reader takes what Docker, BuildKit, Podman and Kaniko write: members may be null, Cmd and
 * Entrypoint may be one string (as Docker before 1.10 wrote), history may be missing. The writer sorts all members, so
 * that one configuration is one text and so one image id.
 *
 * JSON is UTF-8 and the strings of a Dockerfile need not be: a byte that is not UTF-8 becomes U+FFFD, as Docker has it.
 */
#include "oci/image_config.h"

#include <string.h>

#include "base/buffer.h"
#include "oci/manifest.h"

static int copy_text(const json_t *object, const char *name, char **ret_text, struct error *err)
{
	const char *text = NULL;
	if (json_get_string(object, name, &text, err) < 0)
		return -1;
	*ret_text = duplicate_string(text);
	return 0;
}

static int copy_word(const json_t *object, const char *name, char word[32], struct error *err)
{
	const char *text = NULL;
	if (json_get_string(object, name, &text, err) < 0)
		return -1;
	if (!text || !*text)
		return 0;
	size_t length = strlen(text);
	if (length >= 32)
		return error_set(err, ERROR_LIMIT, "\"%s\" has %zu characters; at most 31 are allowed", name, length);
	memset(word, 0, 32);
	memcpy(word, text, length);
	return 0;
}

/* A list that may be absent, or one string. */
static int read_command(const json_t *object, const char *name, struct string_list *list, bool *has_list,
			struct error *err)
{
	const json_t *value = json_object_get(object, name);
	if (!value || json_is_null(value))
		return 0;
	*has_list = true;
	if (!json_is_string(value))
		return json_get_strings(object, name, list, err);
	const char *text = NULL;
	if (json_get_string(object, name, &text, err) < 0)
		return -1;
	string_list_add(list, text);
	return 0;
}

static int compare_items(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* By the bytes before '='; "a-b=1" comes behind "a=2". */
static int compare_keys(const void *a, const void *b)
{
	const char *left = *(char *const *)a, *right = *(char *const *)b;
	size_t left_length = strcspn(left, "="), right_length = strcspn(right, "=");
	size_t shorter = left_length < right_length ? left_length : right_length;
	int order = memcmp(left, right, shorter);
	if (order != 0 || left_length == right_length)
		return order;
	return left_length < right_length ? -1 : 1;
}

/* The names of an object's members: ExposedPorts and Volumes map each item to {}. */
static int read_names(const json_t *object, const char *name, struct string_list *list, struct error *err)
{
	json_t *names = NULL;
	if (json_get_object(object, name, &names, err) < 0)
		return -1;
	const char *item;
	json_t *value;
	json_object_foreach(names, item, value) string_list_add(list, item);
	if (list->count > 1)
		qsort(list->items, list->count, sizeof *list->items, compare_items);
	return 0;
}

static int read_labels(const json_t *object, struct string_list *list, struct error *err)
{
	json_t *labels = NULL;
	if (json_get_object(object, "Labels", &labels, err) < 0)
		return -1;
	const char *key;
	json_t *value;
	json_object_foreach(labels, key, value)
	{
		const char *text = "";
		if (json_get_string(labels, key, &text, err) < 0)
			return error_wrap(err, "\"Labels\"");
		string_list_add_format(list, "%s=%s", key, text);
	}
	if (list->count > 1)
		qsort(list->items, list->count, sizeof *list->items, compare_keys);
	return 0;
}

static int read_run_config(const json_t *document, struct image_config *config, struct error *err)
{
	json_t *run = NULL, *healthcheck = NULL;
	if (json_get_object(document, "config", &run, err) < 0)
		return -1;
	if (!run)
		return 0;
	if (copy_text(run, "User", &config->user, err) < 0 ||
	    copy_text(run, "WorkingDir", &config->working_directory, err) < 0 ||
	    copy_text(run, "StopSignal", &config->stop_signal, err) < 0 ||
	    json_get_strings(run, "Env", &config->environment, err) < 0 ||
	    read_command(run, "Entrypoint", &config->entrypoint, &config->has_entrypoint, err) < 0 ||
	    read_command(run, "Cmd", &config->command, &config->has_command, err) < 0 ||
	    read_names(run, "ExposedPorts", &config->exposed_ports, err) < 0 ||
	    read_names(run, "Volumes", &config->volumes, err) < 0 || read_labels(run, &config->labels, err) < 0 ||
	    json_get_strings(run, "Shell", &config->shell, err) < 0 ||
	    json_get_strings(run, "OnBuild", &config->on_build, err) < 0 ||
	    json_get_object(run, "Healthcheck", &healthcheck, err) < 0)
		return error_wrap(err, "config");
	config->healthcheck = json_deep_copy(healthcheck);
	return 0;
}

static int read_diff_ids(const json_t *document, struct image_config *config, struct error *err)
{
	json_t *rootfs = NULL, *diff_ids = NULL;
	const char *type = "layers";
	if (json_get_object(document, "rootfs", &rootfs, err) < 0)
		return -1;
	if (!rootfs)
		return error_set(err, ERROR_INVALID,
				 "\"rootfs\" is missing: this is not the configuration of an image");
	if (json_get_string(rootfs, "type", &type, err) < 0 || json_get_array(rootfs, "diff_ids", &diff_ids, err) < 0)
		return error_wrap(err, "rootfs");
	if (strcmp(type, "layers") != 0)
		return error_set(err, ERROR_UNSUPPORTED, "rootfs: the type is \"%.64s\", not \"layers\"", type);
	size_t count = json_array_size(diff_ids);
	if (count > MANIFEST_LAYER_LIMIT)
		return error_set(err, ERROR_LIMIT, "rootfs: %zu layers; at most %d are allowed", count,
				 MANIFEST_LAYER_LIMIT);
	for (size_t i = 0; i < count; i++) {
		struct digest diff_id;
		const json_t *item = json_array_get(diff_ids, i);
		const char *text = json_string_value(item);
		if (!text || strlen(text) != json_string_length(item))
			return error_set(err, ERROR_INVALID, "rootfs: diff id %zu is not a digest", i);
		if (digest_parse(text, &diff_id, err) < 0)
			return error_wrap(err, "rootfs: diff id %zu", i);
		image_config_add_diff_id(config, &diff_id);
	}
	return 0;
}

static int read_history(const json_t *document, struct image_config *config, struct error *err)
{
	json_t *history = NULL;
	if (json_get_array(document, "history", &history, err) < 0)
		return -1;
	size_t i;
	json_t *item;
	json_array_foreach(history, i, item)
	{
		const char *created = NULL, *created_by = NULL, *comment = NULL;
		bool empty_layer = false;
		if (json_get_string(item, "created", &created, err) < 0 ||
		    json_get_string(item, "created_by", &created_by, err) < 0 ||
		    json_get_string(item, "comment", &comment, err) < 0 ||
		    json_get_boolean(item, "empty_layer", &empty_layer, err) < 0)
			return error_wrap(err, "history entry %zu", i);
		image_config_add_history(config, created, created_by, comment, empty_layer);
	}
	return 0;
}

static int read_document(const json_t *document, struct image_config *config, struct error *err)
{
	if (!json_is_object(document))
		return error_set(err, ERROR_INVALID, "it has to be a JSON object");
	/* Docker takes what is not said for the machine's own. */
	platform_host(&config->platform);
	config->platform.variant[0] = '\0';
	if (copy_text(document, "created", &config->created, err) < 0 ||
	    copy_text(document, "author", &config->author, err) < 0 ||
	    copy_word(document, "os", config->platform.os, err) < 0 ||
	    copy_word(document, "architecture", config->platform.architecture, err) < 0 ||
	    copy_word(document, "variant", config->platform.variant, err) < 0 ||
	    read_run_config(document, config, err) < 0 || read_diff_ids(document, config, err) < 0)
		return -1;
	return read_history(document, config, err);
}

int image_config_parse(const void *bytes, size_t size, struct image_config *ret_config, struct error *err)
{
	if (size > IMAGE_CONFIG_SIZE_LIMIT)
		return error_set(err, ERROR_LIMIT, "read the image configuration: %zu bytes; at most %zu are allowed",
				 size, IMAGE_CONFIG_SIZE_LIMIT);
	cleanup_json json_t *document = NULL;
	cleanup_image_config struct image_config config = {0};
	if (json_parse(bytes, size, &document, err) < 0 || read_document(document, &config, err) < 0)
		return error_wrap(err, "read the image configuration");
	*ret_config = config;
	config = (struct image_config){0};
	return 0;
}

/* The length of the well-formed UTF-8 sequence at `text`, 0 where there is none. */
static size_t sequence_length(const char *text)
{
	size_t length = 1;
	unsigned char first = (unsigned char)*text;
	if (first >= 0xc2 && first <= 0xdf)
		length = 2;
	else if (first >= 0xe0 && first <= 0xef)
		length = 3;
	else if (first >= 0xf0 && first <= 0xf4)
		length = 4;
	else if (first >= 0x80)
		return 0;
	/* jansson knows the overlong forms and the surrogates. */
	json_t *value = strnlen(text, length) == length ? json_stringn(text, length) : NULL;
	json_decref(value);
	return value ? length : 0;
}

static json_t *text_json(const char *text)
{
	json_t *value = json_string(text);
	if (value)
		return value;
	cleanup_buffer struct buffer repaired = BUFFER_INIT(strlen(text) * 3);
	while (*text) {
		size_t length = sequence_length(text);
		buffer_append(&repaired, length ? text : "\xef\xbf\xbd", length ? length : 3, NULL);
		text += length ? length : 1;
	}
	return json_string(buffer_text(&repaired));
}

static void set_text(json_t *object, const char *name, const char *text)
{
	if (text && *text)
		json_object_set_new(object, name, text_json(text));
}

static void set_list(json_t *object, const char *name, const struct string_list *list, bool is_set)
{
	if (!is_set)
		return;
	json_t *array = json_array();
	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(array, text_json(list->items[i]));
	json_object_set_new(object, name, array);
}

/* Member names go through the same repair as values do. */
static void set_named(json_t *object, const char *name, json_t *value)
{
	cleanup_json json_t *key = text_json(name);
	json_object_set_new(object, json_string_value(key), value);
}

static void set_names(json_t *object, const char *name, const struct string_list *list)
{
	if (list->count == 0)
		return;
	json_t *names = json_object();
	for (size_t i = 0; i < list->count; i++)
		set_named(names, list->items[i], json_object());
	json_object_set_new(object, name, names);
}

static void set_labels(json_t *object, const struct string_list *list)
{
	if (list->count == 0)
		return;
	json_t *labels = json_object();
	for (size_t i = 0; i < list->count; i++) {
		size_t length = strcspn(list->items[i], "=");
		cleanup_free char *key = duplicate_bytes(list->items[i], length);
		const char *value = list->items[i][length] ? list->items[i] + length + 1 : "";
		set_named(labels, key, text_json(value));
	}
	json_object_set_new(object, "Labels", labels);
}

static json_t *run_config_json(const struct image_config *config)
{
	json_t *run = json_object();
	set_text(run, "User", config->user);
	set_text(run, "WorkingDir", config->working_directory);
	set_text(run, "StopSignal", config->stop_signal);
	set_list(run, "Env", &config->environment, config->environment.count > 0);
	set_list(run, "Entrypoint", &config->entrypoint, config->has_entrypoint);
	set_list(run, "Cmd", &config->command, config->has_command);
	set_names(run, "ExposedPorts", &config->exposed_ports);
	set_names(run, "Volumes", &config->volumes);
	set_labels(run, &config->labels);
	set_list(run, "Shell", &config->shell, config->shell.count > 0);
	set_list(run, "OnBuild", &config->on_build, config->on_build.count > 0);
	if (config->healthcheck)
		json_object_set(run, "Healthcheck", config->healthcheck);
	return run;
}

static json_t *history_json(const struct image_config *config)
{
	json_t *history = json_array();
	for (size_t i = 0; i < config->history_count; i++) {
		const struct image_history *entry = &config->history[i];
		json_t *object = json_object();
		set_text(object, "created", entry->created);
		set_text(object, "created_by", entry->created_by);
		set_text(object, "comment", entry->comment);
		if (entry->empty_layer)
			json_object_set_new(object, "empty_layer", json_true());
		json_array_append_new(history, object);
	}
	return history;
}

char *image_config_serialize(const struct image_config *config)
{
	cleanup_json json_t *document = json_object();
	set_text(document, "created", config->created);
	set_text(document, "author", config->author);
	set_text(document, "os", config->platform.os);
	set_text(document, "architecture", config->platform.architecture);
	set_text(document, "variant", config->platform.variant);
	json_object_set_new(document, "config", run_config_json(config));
	json_t *diff_ids = json_array();
	for (size_t i = 0; i < config->diff_id_count; i++)
		json_array_append_new(diff_ids, json_string(config->diff_ids[i].text));
	json_t *rootfs = json_object();
	json_object_set_new(rootfs, "type", json_string("layers"));
	json_object_set_new(rootfs, "diff_ids", diff_ids);
	json_object_set_new(document, "rootfs", rootfs);
	if (config->history_count)
		json_object_set_new(document, "history", history_json(config));
	return json_canonical_text(document);
}

static void copy_lists(struct image_config *to, const struct image_config *from)
{
	string_list_copy(&to->environment, &from->environment);
	string_list_copy(&to->entrypoint, &from->entrypoint);
	string_list_copy(&to->command, &from->command);
	string_list_copy(&to->exposed_ports, &from->exposed_ports);
	string_list_copy(&to->volumes, &from->volumes);
	string_list_copy(&to->labels, &from->labels);
	string_list_copy(&to->shell, &from->shell);
	string_list_copy(&to->on_build, &from->on_build);
}

void image_config_copy(struct image_config *to, const struct image_config *from)
{
	struct image_config copy = {
		.created = duplicate_string(from->created),
		.author = duplicate_string(from->author),
		.platform = from->platform,
		.user = duplicate_string(from->user),
		.working_directory = duplicate_string(from->working_directory),
		.stop_signal = duplicate_string(from->stop_signal),
		.has_entrypoint = from->has_entrypoint,
		.has_command = from->has_command,
		.healthcheck = json_deep_copy(from->healthcheck),
	};
	copy_lists(&copy, from);
	for (size_t i = 0; i < from->diff_id_count; i++)
		image_config_add_diff_id(&copy, &from->diff_ids[i]);
	for (size_t i = 0; i < from->history_count; i++) {
		const struct image_history *entry = &from->history[i];
		image_config_add_history(&copy, entry->created, entry->created_by, entry->comment, entry->empty_layer);
	}
	image_config_release(to);
	*to = copy;
}

void image_config_add_diff_id(struct image_config *config, const struct digest *diff_id)
{
	config->diff_ids = reallocate_array(config->diff_ids, config->diff_id_count + 1, sizeof *config->diff_ids);
	config->diff_ids[config->diff_id_count++] = *diff_id;
}

void image_config_add_history(struct image_config *config, const char *created, const char *created_by,
			      const char *comment, bool empty_layer)
{
	config->history = reallocate_array(config->history, config->history_count + 1, sizeof *config->history);
	config->history[config->history_count++] = (struct image_history){
		.created = duplicate_string(created),
		.created_by = duplicate_string(created_by),
		.comment = duplicate_string(comment),
		.empty_layer = empty_layer,
	};
}

void image_config_add_sorted(struct string_list *list, const char *item)
{
	size_t at = 0;
	while (at < list->count && strcmp(list->items[at], item) < 0)
		at++;
	if (at < list->count && strcmp(list->items[at], item) == 0)
		return;
	string_list_add(list, item);
	char *added = list->items[list->count - 1];
	memmove(list->items + at + 1, list->items + at, (list->count - 1 - at) * sizeof *list->items);
	list->items[at] = added;
}

void image_config_release(struct image_config *config)
{
	free(config->created);
	free(config->author);
	free(config->user);
	free(config->working_directory);
	free(config->stop_signal);
	string_list_release(&config->environment);
	string_list_release(&config->entrypoint);
	string_list_release(&config->command);
	string_list_release(&config->exposed_ports);
	string_list_release(&config->volumes);
	string_list_release(&config->labels);
	string_list_release(&config->shell);
	string_list_release(&config->on_build);
	json_decref(config->healthcheck);
	free(config->diff_ids);
	for (size_t i = 0; i < config->history_count; i++) {
		free(config->history[i].created);
		free(config->history[i].created_by);
		free(config->history[i].comment);
	}
	free(config->history);
	*config = (struct image_config){0};
}
