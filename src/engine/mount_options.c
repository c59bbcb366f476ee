/* What users write behind -v, --mount and --tmpfs. */
#include <string.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/text.h"
#include "engine/container_config.h"
#include "store/volume.h"

static const char *const propagations[] = {"private", "rprivate", "shared", "rshared", "slave", "rslave"};

static bool is_propagation(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(propagations); i++)
		if (strcmp(propagations[i], word) == 0)
			return true;
	return false;
}

/* Takes the mount over, whatever happens. */
static int add_mount(struct container_config *config, struct container_mount *mount, struct error *err)
{
	int result = 0;
	size_t length = strlen(mount->target);
	while (length > 1 && mount->target[length - 1] == '/')
		mount->target[--length] = '\0';
	if (mount->target[0] != '/')
		result = error_set(err, ERROR_INVALID, "invalid mount path: '%s' mount path must be absolute",
				   mount->target);
	else if (length == 1)
		result = error_set(err, ERROR_INVALID, "invalid specification: destination can't be '%s'",
				   mount->target);
	for (size_t i = 0; result == 0 && i < config->mount_count; i++)
		if (strcmp(config->mounts[i].target, mount->target) == 0)
			result = error_set(err, ERROR_INVALID, "Duplicate mount point: %s", mount->target);
	if (result < 0)
		return -1;
	config->mounts = reallocate_array(config->mounts, config->mount_count + 1, sizeof *config->mounts);
	config->mounts[config->mount_count++] = *mount;
	*mount = (struct container_mount){0};
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

/* One word behind the last colon of -v; false for what is none. */
static bool take_mode(struct container_mount *mount, const char *word)
{
	/* What concerns SELinux' labels, and the caches of other systems' virtual machines, has nothing to do here. */
	static const char *const idle[] = {"rw", "z", "Z", "consistent", "cached", "delegated"};
	if (strcmp(word, "ro") == 0)
		return mount->read_only = true;
	if (strcmp(word, "nocopy") == 0 && mount->kind == CONTAINER_MOUNT_VOLUME)
		return mount->is_empty = true;
	if (is_propagation(word) && mount->kind == CONTAINER_MOUNT_BIND) {
		replace_string(&mount->propagation, duplicate_string(word));
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(idle); i++)
		if (strcmp(idle[i], word) == 0)
			return true;
	return false;
}

/* -v [SOURCE:]TARGET[:ro|rw|z|Z|nocopy|rslave|…] */
int container_config_add_volume(struct container_config *config, const char *text, struct error *err)
{
	cleanup_free char *copy = duplicate_string(text);
	char *parts[4] = {NULL};
	size_t count = 0;
	for (char *rest = copy; rest && count < ARRAY_SIZE(parts);)
		parts[count++] = strsep(&rest, ":");
	if (count > 3 || !*parts[count == 1 ? 0 : 1] || (count > 1 && !*parts[0]))
		return error_set(err, ERROR_INVALID, "invalid volume specification: '%s'", text);
	cleanup_container_mount struct container_mount mount = {0};
	if (classify_source(&mount, count == 1 ? "" : parts[0], err) < 0)
		return -1;
	if (count == 3) {
		for (char *rest = parts[2], *word; (word = strsep(&rest, ","));)
			if (!take_mode(&mount, word))
				return error_set(err, ERROR_INVALID, "invalid mode: %s", text + (parts[2] - copy));
	}
	mount.make_source = mount.kind == CONTAINER_MOUNT_BIND;
	mount.target = duplicate_string(parts[count == 1 ? 0 : 1]);
	mount.options = duplicate_string("");
	return add_mount(config, &mount, err);
}

int container_config_add_tmpfs(struct container_config *config, const char *text, struct error *err)
{
	const char *colon = strchr(text, ':');
	cleanup_container_mount struct container_mount mount = {
		.kind = CONTAINER_MOUNT_TMPFS,
		.source = duplicate_string(""),
		.target = colon ? format_string("%.*s", (int)(colon - text), text) : duplicate_string(text),
		.options = duplicate_string(colon ? colon + 1 : ""),
	};
	return add_mount(config, &mount, err);
}

/* The fields of --mount, borrowed from the list of them. */
struct mount_fields {
	const char *type, *source, *target, *propagation, *recursive, *subpath, *driver, *size, *mode;
	bool read_only, is_shallow, no_copy;
	struct string_list labels;
	bool has_bind, has_volume, has_tmpfs;
};

static void mount_fields_release(struct mount_fields *fields)
{
	string_list_release(&fields->labels);
}

static int take_flag(const char *key, const char *value, bool *ret_flag, struct error *err)
{
	*ret_flag = true;
	if (value && !text_parse_boolean(value, ret_flag))
		return error_set(err, ERROR_USAGE, "invalid value for %s: %s", key, value);
	return 0;
}

/* 1: taken; 0: another key. */
static int take_flag_field(struct mount_fields *fields, const char *key, const char *value, struct error *err)
{
	const struct {
		const char *key;
		bool *flag;
	} flags[] = {
		{"readonly", &fields->read_only},
		{"ro", &fields->read_only},
		{"volume-nocopy", &fields->no_copy},
		{"bind-nonrecursive", &fields->is_shallow},
	};
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (strcmp(flags[i].key, key) == 0)
			return take_flag(key, value, flags[i].flag, err) < 0 ? -1 : 1;
	return 0;
}

static int take_text_field(struct mount_fields *fields, const char *key, const char *value, struct error *err)
{
	const struct {
		const char *key;
		const char **text;
	} texts[] = {
		{"type", &fields->type},
		{"source", &fields->source},
		{"src", &fields->source},
		{"target", &fields->target},
		{"destination", &fields->target},
		{"dst", &fields->target},
		{"bind-propagation", &fields->propagation},
		{"bind-recursive", &fields->recursive},
		{"volume-subpath", &fields->subpath},
		{"volume-driver", &fields->driver},
		{"tmpfs-size", &fields->size},
		{"tmpfs-mode", &fields->mode},
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (strcmp(texts[i].key, key) == 0) {
			*texts[i].text = value;
			return 0;
		}
	}
	if (strcmp(key, "volume-label") == 0) {
		cleanup_free char *name = format_string("%.*s", (int)strcspn(value, "="), value);
		const char *equals = strchr(value, '=');
		string_list_set_key(&fields->labels, name, equals ? equals + 1 : "");
		return 0;
	}
	static const char *const consistencies[] = {"default", "consistent", "cached", "delegated"};
	for (size_t i = 0; strcmp(key, "consistency") == 0 && i < ARRAY_SIZE(consistencies); i++)
		if (strcmp(consistencies[i], value) == 0)
			return 0;
	if (strcmp(key, "volume-opt") == 0)
		return error_set(err, ERROR_UNSUPPORTED,
				 "volume-opt=%s: a volume is a folder of the host; mount what it should be there, and "
				 "bind that",
				 value);
	return error_set(err, ERROR_USAGE, "unexpected key '%s' in '%s=%s'", key, key, value);
}

static int take_field(struct mount_fields *fields, char *field, struct error *err)
{
	char *value = strchr(field, '=');
	if (value)
		*value++ = '\0';
	for (char *at = field; *at; at++)
		*at = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
	fields->has_bind = fields->has_bind || strncmp(field, "bind-", 5) == 0;
	fields->has_volume = fields->has_volume || strncmp(field, "volume-", 7) == 0;
	fields->has_tmpfs = fields->has_tmpfs || strncmp(field, "tmpfs-", 6) == 0;
	int taken = take_flag_field(fields, field, value, err);
	if (taken != 0)
		return taken < 0 ? -1 : 0;
	if (!value)
		return error_set(err, ERROR_USAGE, "invalid field '%s' must be a key=value pair", field);
	return take_text_field(fields, field, value, err);
}

/* What Docker's own parser of the flag looks at. */
static int check_fields(const struct mount_fields *fields, struct error *err)
{
	const char *foreign = fields->has_bind && strcmp(fields->type, "bind") != 0	  ? "bind"
			      : fields->has_volume && strcmp(fields->type, "volume") != 0 ? "volume"
			      : fields->has_tmpfs && strcmp(fields->type, "tmpfs") != 0	  ? "tmpfs"
											  : NULL;
	if (!fields->target)
		return error_set(err, ERROR_USAGE, "target is required");
	if (foreign)
		return error_set(err, ERROR_USAGE, "cannot mix '%s-*' options with mount type '%s'", foreign,
				 fields->type);
	static const char *const recursions[] = {"enabled", "disabled", "writable", "readonly"};
	bool is_known = !fields->recursive;
	for (size_t i = 0; !is_known && i < ARRAY_SIZE(recursions); i++)
		is_known = strcmp(recursions[i], fields->recursive) == 0;
	if (!is_known)
		return error_set(
			err, ERROR_USAGE,
			"invalid value for bind-recursive: %s (must be \"enabled\", \"disabled\", \"writable\", "
			"or \"readonly\")",
			fields->recursive);
	bool asks_read_only = fields->recursive && (strcmp(fields->recursive, "readonly") == 0 ||
						    strcmp(fields->recursive, "writable") == 0);
	if (asks_read_only && !fields->read_only)
		return error_set(err, ERROR_USAGE,
				 "option 'bind-recursive=%s' requires 'readonly' to be specified in conjunction",
				 fields->recursive);
	if (fields->recursive && strcmp(fields->recursive, "readonly") == 0 &&
	    (!fields->propagation || strcmp(fields->propagation, "rprivate") != 0))
		return error_set(
			err, ERROR_USAGE,
			"option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified "
			"in conjunction");
	return 0;
}

static int fill_bind(const struct mount_fields *fields, struct container_mount *mount, struct error *err)
{
	if (!fields->source || !*fields->source)
		return error_set(err, ERROR_INVALID,
				 "invalid mount config for type \"bind\": field Source must not be empty");
	if (fields->source[0] != '/' && fields->source[0] != '.')
		return error_set(err, ERROR_INVALID,
				 "invalid mount config for type \"bind\": invalid mount path: '%s' mount path must be "
				 "absolute",
				 fields->source);
	if (fields->propagation && *fields->propagation && !is_propagation(fields->propagation))
		return error_set(err, ERROR_INVALID,
				 "invalid mount config for type \"bind\": invalid propagation mode: %s",
				 fields->propagation);
	mount->kind = CONTAINER_MOUNT_BIND;
	mount->source = absolute_path(fields->source);
	mount->propagation = duplicate_string(fields->propagation && *fields->propagation ? fields->propagation : NULL);
	mount->is_shallow = fields->is_shallow || (fields->recursive && strcmp(fields->recursive, "disabled") == 0);
	mount->read_only_here = fields->recursive && strcmp(fields->recursive, "writable") == 0;
	return 0;
}

static int fill_volume(const struct mount_fields *fields, struct container_mount *mount, struct error *err)
{
	if (fields->source && (fields->source[0] == '/' || fields->source[0] == '.'))
		return error_set(err, ERROR_INVALID, "a volume has a name, not the path %s; use type=bind",
				 fields->source);
	if (fields->driver && *fields->driver && strcmp(fields->driver, "local") != 0)
		return error_set(err, ERROR_NOT_FOUND, "error looking up volume plugin %s: plugin \"%s\" not found",
				 fields->driver, fields->driver);
	if (fields->subpath && fields->subpath[0] == '/')
		return error_set(err, ERROR_INVALID,
				 "invalid mount config for type \"volume\": subpath must be a relative path within the "
				 "volume");
	if (classify_source(mount, fields->source ? fields->source : "", err) < 0)
		return -1;
	mount->subpath = duplicate_string(fields->subpath && *fields->subpath ? fields->subpath : NULL);
	mount->is_empty = fields->no_copy;
	string_list_copy(&mount->labels, &fields->labels);
	return 0;
}

/* "64m" as the kernel's own, "1777" in octal digits. */
static int fill_tmpfs(const struct mount_fields *fields, struct container_mount *mount, struct error *err)
{
	if (fields->source && *fields->source)
		return error_set(err, ERROR_INVALID,
				 "invalid mount config for type \"tmpfs\": field Source must not be specified");
	size_t digits = fields->size ? strspn(fields->size, "0123456789") : 1;
	const char *unit = fields->size ? fields->size + digits : "";
	unit += *unit && strchr("kKmMgGtT", *unit) ? 1 : 0;
	unit += *unit == 'b' || *unit == 'B';
	if (!digits || *unit)
		return error_set(err, ERROR_USAGE, "invalid value for tmpfs-size: %s", fields->size);
	if (fields->mode &&
	    (!*fields->mode || fields->mode[strspn(fields->mode, "01234567")] || strlen(fields->mode) > 5))
		return error_set(err, ERROR_USAGE, "invalid value for tmpfs-mode: %s", fields->mode);
	mount->kind = CONTAINER_MOUNT_TMPFS;
	mount->source = duplicate_string("");
	/* The kernel knows one letter of a unit. */
	size_t length = digits + (fields->size && fields->size[digits] && strchr("kKmMgGtT", fields->size[digits]));
	replace_string(&mount->options,
		       format_string("%s%.*s%s%s%s", fields->size ? "size=" : "", fields->size ? (int)length : 0,
				     fields->size ? fields->size : "", fields->size && fields->mode ? "," : "",
				     fields->mode ? "mode=" : "", fields->mode ? fields->mode : ""));
	return 0;
}

static int fill_mount(const struct mount_fields *fields, struct container_mount *mount, struct error *err)
{
	static const struct {
		const char *type;
		int (*fill)(const struct mount_fields *fields, struct container_mount *mount, struct error *err);
	} types[] = {{"bind", fill_bind}, {"volume", fill_volume}, {"tmpfs", fill_tmpfs}};
	mount->options = duplicate_string("");
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i].type, fields->type) == 0)
			return types[i].fill(fields, mount, err);
	return error_set(err, ERROR_INVALID,
			 "invalid mount config for type \"%s\": mount type unknown; bind, volume and tmpfs are known",
			 fields->type);
}

int container_config_add_mount(struct container_config *config, const char *text, struct error *err)
{
	cleanup_string_list struct string_list words = {0};
	CLEANUP(mount_fields_release) struct mount_fields fields = {.type = "volume"};
	cleanup_container_mount struct container_mount mount = {0};
	int result = csv_split(text, &words, err);
	for (size_t i = 0; result == 0 && i < words.count; i++)
		result = take_field(&fields, words.items[i], err);
	if (result < 0 || check_fields(&fields, err) < 0)
		return error_wrap(err, "invalid argument \"%s\" for \"--mount\" flag", text);
	if (fill_mount(&fields, &mount, err) < 0)
		return err && err->kind == ERROR_USAGE
			       ? error_wrap(err, "invalid argument \"%s\" for \"--mount\" flag", text)
			       : -1;
	mount.read_only = fields.read_only;
	mount.by_mount = true;
	mount.target = duplicate_string(fields.target);
	return add_mount(config, &mount, err);
}
