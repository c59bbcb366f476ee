/* What users write behind -v, --mount, --tmpfs, -e and --security-opt. */
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "engine/container_config.h"
#include "engine/log_options.h"
#include "store/volume.h"

#define ENVIRONMENT_FILE_LIMIT ((size_t)1024 * 1024)

static int add_mount(struct container_config *config, struct container_mount mount, struct error *err)
{
	const char *problem = NULL;
	size_t length = strlen(mount.target);
	while (length > 1 && mount.target[length - 1] == '/')
		mount.target[--length] = '\0';
	if (mount.target[0] != '/')
		problem = "invalid mount path: '%s' mount path must be absolute";
	else if (length == 1)
		problem = "invalid specification: destination can't be '%s'";
	for (size_t i = 0; !problem && i < config->mount_count; i++)
		if (strcmp(config->mounts[i].target, mount.target) == 0)
			problem = "Duplicate mount point: %s";
	if (problem) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		error_set(err, ERROR_INVALID, problem, mount.target);
#pragma GCC diagnostic pop
		free(mount.source);
		free(mount.target);
		free(mount.options);
		return -1;
	}
	config->mounts = reallocate_array(config->mounts, config->mount_count + 1, sizeof *config->mounts);
	config->mounts[config->mount_count++] = mount;
	return 0;
}

static char *absolute_path(const char *path)
{
	if (path[0] == '/')
		return duplicate_string(path);
	char folder[4096];
	if (!getcwd(folder, sizeof folder))
		return duplicate_string(path);
	if (strncmp(path, "./", 2) == 0)
		path += 2;
	return strcmp(path, ".") == 0 ? duplicate_string(folder) : format_string("%s/%s", folder, path);
}

static int classify_source(struct container_mount *mount, const char *source, struct error *err)
{
	if (source[0] == '/' || source[0] == '.') {
		mount->kind = CONTAINER_MOUNT_BIND;
		mount->source = absolute_path(source);
		return 0;
	}
	if (*source && !volume_name_is_valid(source))
		return error_set(
			err, ERROR_INVALID,
			"create %s: \"%s\" includes invalid characters for a local volume name, only "
			"\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use "
			"absolute path",
			source, source);
	mount->kind = CONTAINER_MOUNT_VOLUME;
	mount->source = duplicate_string(source);
	return 0;
}

/* -v [SOURCE:]TARGET[:ro|rw|z|Z|…] */
int container_config_add_volume(struct container_config *config, const char *text, struct error *err)
{
	cleanup_free char *copy = duplicate_string(text);
	char *parts[4] = {NULL};
	size_t count = 0;
	for (char *rest = copy; rest && count < ARRAY_SIZE(parts);)
		parts[count++] = strsep(&rest, ":");
	if (count > 3 || !*parts[count == 1 ? 0 : 1] || (count > 1 && !*parts[0]))
		return error_set(err, ERROR_INVALID, "invalid volume specification: '%s'", text);
	struct container_mount mount = {0};
	if (count == 3) {
		for (char *rest = parts[2], *word; (word = strsep(&rest, ","));) {
			if (strcmp(word, "ro") == 0)
				mount.read_only = true;
			else if (strcmp(word, "rw") != 0 && strcmp(word, "z") != 0 && strcmp(word, "Z") != 0)
				return error_set(err, ERROR_INVALID, "invalid mode: %s", parts[2]);
		}
	}
	if (classify_source(&mount, count == 1 ? "" : parts[0], err) < 0)
		return -1;
	mount.make_source = mount.kind == CONTAINER_MOUNT_BIND;
	mount.target = duplicate_string(parts[count == 1 ? 0 : 1]);
	mount.options = duplicate_string("");
	return add_mount(config, mount, err);
}

int container_config_add_tmpfs(struct container_config *config, const char *text, struct error *err)
{
	const char *colon = strchr(text, ':');
	struct container_mount mount = {
		.kind = CONTAINER_MOUNT_TMPFS,
		.source = duplicate_string(""),
		.target = colon ? format_string("%.*s", (int)(colon - text), text) : duplicate_string(text),
		.options = duplicate_string(colon ? colon + 1 : ""),
	};
	return add_mount(config, mount, err);
}

/* The fields of --mount, borrowed from one copy of the text. */
struct mount_fields {
	const char *type, *source, *target, *size, *mode;
	bool read_only;
};

static int read_mount_fields(char *text, struct mount_fields *fields, struct error *err)
{
	fields->type = "volume";
	for (char *word; (word = strsep(&text, ","));) {
		char *value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		if (strcmp(word, "readonly") == 0 || strcmp(word, "ro") == 0)
			fields->read_only = !value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
		else if (!value)
			return error_set(err, ERROR_INVALID, "invalid field '%s' must be a key=value pair", word);
		else if (strcmp(word, "type") == 0)
			fields->type = value;
		else if (strcmp(word, "source") == 0 || strcmp(word, "src") == 0)
			fields->source = value;
		else if (strcmp(word, "target") == 0 || strcmp(word, "destination") == 0 || strcmp(word, "dst") == 0)
			fields->target = value;
		else if (strcmp(word, "tmpfs-size") == 0)
			fields->size = value;
		else if (strcmp(word, "tmpfs-mode") == 0)
			fields->mode = value;
		else
			return error_set(err, ERROR_INVALID, "unexpected key '%s' in '%s=%s'", word, word, value);
	}
	if (!fields->target)
		return error_set(err, ERROR_INVALID, "target is required");
	return 0;
}

int container_config_add_mount(struct container_config *config, const char *text, struct error *err)
{
	cleanup_free char *copy = duplicate_string(text);
	struct mount_fields fields = {0};
	if (read_mount_fields(copy, &fields, err) < 0)
		return error_wrap(err, "invalid argument \"%s\" for \"--mount\" flag", text);
	struct container_mount mount = {.read_only = fields.read_only};
	if (strcmp(fields.type, "bind") == 0) {
		if (!fields.source || fields.source[0] != '/')
			return error_set(
				err, ERROR_INVALID,
				"invalid mount config for type \"bind\": invalid mount path: '%s' mount path must be "
				"absolute",
				fields.source ? fields.source : "");
		mount.kind = CONTAINER_MOUNT_BIND;
		mount.source = duplicate_string(fields.source);
	} else if (strcmp(fields.type, "volume") == 0) {
		if (fields.source && fields.source[0] == '/')
			return error_set(err, ERROR_INVALID, "a volume has a name, not the path %s; use type=bind",
					 fields.source);
		if (classify_source(&mount, fields.source ? fields.source : "", err) < 0)
			return -1;
	} else if (strcmp(fields.type, "tmpfs") == 0) {
		mount.kind = CONTAINER_MOUNT_TMPFS;
		mount.source = duplicate_string("");
	} else {
		return error_set(err, ERROR_INVALID, "invalid mount type \"%s\": bind, volume and tmpfs are known",
				 fields.type);
	}
	mount.target = duplicate_string(fields.target);
	mount.options = format_string("%s%s%s%s%s", fields.size ? "size=" : "", fields.size ? fields.size : "",
				      fields.size && fields.mode ? "," : "", fields.mode ? "mode=" : "",
				      fields.mode ? fields.mode : "");
	return add_mount(config, mount, err);
}

int container_config_add_environment(struct container_config *config, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	if (!*text || equals == text)
		return error_set(err, ERROR_INVALID, "invalid environment variable: %s", text);
	if (equals) {
		cleanup_free char *key = format_string("%.*s", (int)(equals - text), text);
		string_list_set_key(&config->environment, key, equals + 1);
		return 0;
	}
	/* A name alone hands on our own value, and nothing where we have none. */
	const char *value = getenv(text);
	if (value)
		string_list_set_key(&config->environment, text, value);
	return 0;
}

int container_config_add_environment_file(struct container_config *config, const char *path, struct error *err)
{
	cleanup_buffer struct buffer text = {0};
	if (read_file_at(AT_FDCWD, path, ENVIRONMENT_FILE_LIMIT, &text, err) < 0)
		return error_wrap(err, "read the environment file");
	char *rest = text.bytes;
	int number = 0;
	for (char *line; (line = strsep(&rest, "\n"));) {
		number++;
		line += strspn(line, " \t");
		size_t length = strlen(line);
		if (length && line[length - 1] == '\r')
			line[length - 1] = '\0';
		if (!*line || *line == '#')
			continue;
		if (memchr(line, ' ', strcspn(line, "=")) || memchr(line, '\t', strcspn(line, "=")))
			return error_set(err, ERROR_INVALID,
					 "poorly formatted environment: %s, line %d: variable '%.*s' "
					 "contains whitespaces",
					 path, number, (int)strcspn(line, "="), line);
		if (container_config_add_environment(config, line, err) < 0)
			return error_wrap(err, "%s, line %d", path, number);
	}
	return 0;
}

int container_config_add_security(struct container_config *config, const char *text, struct error *err)
{
	if (strcmp(text, "no-new-privileges") == 0 || strcmp(text, "no-new-privileges=true") == 0 ||
	    strcmp(text, "no-new-privileges:true") == 0)
		config->no_new_privileges = true;
	else if (strcmp(text, "seccomp=unconfined") == 0 || strcmp(text, "seccomp:unconfined") == 0)
		config->seccomp_unconfined = true;
	else
		return error_set(err, ERROR_INVALID,
				 "invalid --security-opt \"%s\": no-new-privileges and seccomp=unconfined are known",
				 text);
	return 0;
}

int container_config_set_log_driver(struct container_config *config, const char *text, struct error *err)
{
	enum log_driver driver = LOG_DRIVER_JSON_FILE;
	while (*text && driver <= LOG_DRIVER_NONE && strcmp(log_driver_names[driver], text) != 0)
		driver++;
	if (driver > LOG_DRIVER_NONE)
		return error_set(err, ERROR_INVALID, "logger: no log driver named '%s' is registered", text);
	config->log_driver = driver;
	return 0;
}

int container_config_set_log_options(struct container_config *config, const struct string_list *options,
				     struct error *err)
{
	struct log_settings settings;
	for (size_t i = 0; i < options->count; i++) {
		const char *text = options->items[i];
		cleanup_free char *key = format_string("%.*s", (int)strcspn(text, "="), text);
		string_list_set_key(&config->log_options, key, strchr(text, '=') ? strchr(text, '=') + 1 : "");
	}
	log_sort_pairs(&config->log_options);
	return log_settings_read(config, &settings, err);
}

static int parse_restart_limit(const char *text, int64_t *ret_limit, struct error *err)
{
	char *end;
	errno = 0;
	*ret_limit = strtoll(text, &end, 10);
	if (errno || end == text || *end || strchr(" \t\n\v\f\r", *text))
		return error_set(err, ERROR_INVALID,
				 "invalid restart policy format: maximum retry count must be an integer");
	return 0;
}

int container_config_set_restart(struct container_config *config, const char *text, struct error *err)
{
	size_t length = strcspn(text, ":");
	int64_t limit = 0;
	if (text[length] && length == 0)
		return error_set(err, ERROR_INVALID, "invalid restart policy format: no policy provided before colon");
	if (text[length] && text[length + 1] && parse_restart_limit(text + length + 1, &limit, err) < 0)
		return -1;
	enum restart_policy policy = RESTART_NO;
	while (length && policy <= RESTART_UNLESS_STOPPED &&
	       (strncmp(restart_policy_names[policy], text, length) != 0 ||
		restart_policy_names[policy][length] != '\0'))
		policy++;
	if (policy > RESTART_UNLESS_STOPPED)
		return error_set(err, ERROR_INVALID,
				 "invalid restart policy: unknown policy '%.*s'; use one of 'no', 'always', "
				 "'on-failure', or 'unless-stopped'",
				 (int)length, text);
	if (policy != RESTART_ON_FAILURE && limit != 0)
		return error_set(err, ERROR_INVALID,
				 "invalid restart policy: maximum retry count can only be used with 'on-failure'%s",
				 limit < 0 ? " and cannot be negative" : "");
	if (limit < 0)
		return error_set(err, ERROR_INVALID, "invalid restart policy: maximum retry count cannot be negative");
	config->restart_policy = policy;
	config->restart_limit = limit;
	return 0;
}
