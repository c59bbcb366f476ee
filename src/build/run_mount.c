#include "build/run_mount.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/csv.h"
#include "base/string_list.h"
#include "base/text.h"
#include "build/words.h"

static const char *const type_names[] = {
	[RUN_MOUNT_BIND] = "bind",     [RUN_MOUNT_CACHE] = "cache", [RUN_MOUNT_TMPFS] = "tmpfs",
	[RUN_MOUNT_SECRET] = "secret", [RUN_MOUNT_SSH] = "ssh",	    NULL,
};
static_assert(ARRAY_SIZE(type_names) == RUN_MOUNT_SSH + 2, "a name for each type");

static const char *const sharing_names[] = {"shared", "private", "locked", NULL};

static const char *const keys[] = {
	"type", "from",	    "source", "src", "target",	"dst",	"destination", "readonly", "ro",  "readwrite",
	"rw",	"required", "size",   "id",  "sharing", "mode", "uid",	       "gid",	   "env", NULL,
};

const char *run_mount_type_name(enum run_mount_type type)
{
	return type_names[type];
}

void run_mount_release(struct run_mount *mount)
{
	free(mount->from);
	free(mount->source);
	free(mount->target);
	free(mount->id);
	free(mount->environment);
	*mount = (struct run_mount){0};
}

static int wrong_value(const char *key, const char *value, struct error *err)
{
	return error_set(err, ERROR_INVALID, "invalid value for %s: %s", key, value);
}

static int parse_boolean(const char *key, const char *value, bool *ret, struct error *err)
{
	return text_parse_boolean(value, ret) ? 0 : wrong_value(key, value, err);
}

static int parse_number(const char *key, const char *value, int base, uint64_t limit, uint64_t *ret, struct error *err)
{
	char *end;
	errno = 0;
	unsigned long long number = strtoull(value, &end, base);
	if (!isdigit((unsigned char)value[0]) || *end || errno || number > limit)
		return error_set(err, ERROR_INVALID, "invalid value %s for %s", value, key);
	*ret = number;
	return 0;
}

/* 64m, 1g, 512: powers of 1024, as Docker's units have them. */
static int parse_size(const char *value, int64_t *ret, struct error *err)
{
	char *end;
	errno = 0;
	double number = strtod(value, &end);
	static const char units[] = "bkmgt";
	double scale = 1;
	if (*end) {
		const char *unit = strchr(units, tolower((unsigned char)*end));
		bool has_rest = end[1] && strcasecmp(end + 1, "b") != 0 && strcasecmp(end + 1, "ib") != 0;
		if (!unit || has_rest)
			return wrong_value("size", value, err);
		for (const char *at = units; at < unit; at++)
			scale *= 1024;
	}
	if (!isdigit((unsigned char)value[0]) || errno || number * scale > 9e18)
		return wrong_value("size", value, err);
	*ret = (int64_t)(number * scale);
	return 0;
}

static int unexpected_for_type(const struct run_mount *mount, const char *key, struct error *err)
{
	return error_set(err, ERROR_INVALID, "unexpected key '%s' for mount type '%s'", key, type_names[mount->type]);
}

static int choose(const char *const *names, const char *value, const char *what, int *ret, struct error *err)
{
	for (int i = 0; names[i]; i++) {
		if (strcmp(names[i], value) == 0) {
			*ret = i;
			return 0;
		}
	}
	const char *suggestion = words_suggest(value, names);
	return error_set(err, ERROR_INVALID, "unsupported %s \"%s\"%s%s%s", what, value,
			 suggestion ? " (did you mean " : "", suggestion ? suggestion : "", suggestion ? "?)" : "");
}

static int set_text(struct run_mount *mount, const char *key, const char *value, bool *ret_done)
{
	const struct {
		const char *key;
		char **member;
	} members[] = {
		{"from", &mount->from},	    {"source", &mount->source}, {"src", &mount->source},
		{"target", &mount->target}, {"dst", &mount->target},	{"destination", &mount->target},
		{"id", &mount->id},
	};
	*ret_done = false;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		if (strcmp(members[i].key, key) == 0) {
			replace_string(members[i].member, duplicate_string(value));
			*ret_done = true;
		}
	}
	return 0;
}

static int set_owner(struct run_mount *mount, const char *key, const char *value, struct error *err)
{
	uint64_t number;
	if (strcmp(key, "mode") == 0) {
		if (parse_number(key, value, 8, 07777, &number, err) < 0)
			return -1;
		mount->has_mode = true;
		mount->mode = (mode_t)number;
		return 0;
	}
	if (parse_number(key, value, 10, INT32_MAX, &number, err) < 0)
		return -1;
	bool is_user = strcmp(key, "uid") == 0;
	*(is_user ? &mount->has_user : &mount->has_group) = true;
	*(is_user ? &mount->user : &mount->group) = (uint32_t)number;
	return 0;
}

static int set_value(struct run_mount *mount, const char *key, const char *value, const char *field,
		     bool *read_only_said, struct error *err)
{
	bool done, flag;
	int choice;
	set_text(mount, key, value, &done);
	if (done)
		return 0;
	if (strcmp(key, "type") == 0) {
		if (choose(type_names, value, "mount type", &choice, err) < 0)
			return -1;
		mount->type = (enum run_mount_type)choice;
		return 0;
	}
	bool is_read_only = strcmp(key, "readonly") == 0 || strcmp(key, "ro") == 0;
	if (is_read_only || strcmp(key, "readwrite") == 0 || strcmp(key, "rw") == 0) {
		if (parse_boolean(key, value, &flag, err) < 0)
			return -1;
		mount->read_only = is_read_only ? flag : !flag;
		*read_only_said = true;
		return 0;
	}
	if (strcmp(key, "required") == 0)
		return mount->type == RUN_MOUNT_SECRET || mount->type == RUN_MOUNT_SSH
			       ? parse_boolean(key, value, &mount->required, err)
			       : unexpected_for_type(mount, key, err);
	if (strcmp(key, "size") == 0)
		return mount->type == RUN_MOUNT_TMPFS ? parse_size(value, &mount->size, err)
						      : unexpected_for_type(mount, key, err);
	if (strcmp(key, "sharing") == 0) {
		if (mount->type != RUN_MOUNT_CACHE)
			return unexpected_for_type(mount, key, err);
		if (choose(sharing_names, value, "sharing value", &choice, err) < 0)
			return -1;
		mount->sharing = (enum run_mount_sharing)choice;
		return 0;
	}
	if (strcmp(key, "env") == 0) {
		if (mount->type != RUN_MOUNT_SECRET)
			return unexpected_for_type(mount, key, err);
		replace_string(&mount->environment, duplicate_string(value));
		return 0;
	}
	if (strcmp(key, "mode") == 0 || strcmp(key, "uid") == 0 || strcmp(key, "gid") == 0)
		return set_owner(mount, key, value, err);
	const char *suggestion = words_suggest(key, keys);
	return error_set(err, ERROR_INVALID, "unexpected key '%s' in '%s'%s%s%s", key, field,
			 suggestion ? " (did you mean " : "", suggestion ? suggestion : "", suggestion ? "?)" : "");
}

/* A key without a value. */
static int set_flag(struct run_mount *mount, const char *key, bool *read_only_said, struct error *err)
{
	if (strcmp(key, "readonly") == 0 || strcmp(key, "ro") == 0 || strcmp(key, "readwrite") == 0 ||
	    strcmp(key, "rw") == 0) {
		mount->read_only = strcmp(key, "readonly") == 0 || strcmp(key, "ro") == 0;
		*read_only_said = true;
		return 0;
	}
	if (strcmp(key, "required") == 0) {
		if (mount->type != RUN_MOUNT_SECRET && mount->type != RUN_MOUNT_SSH)
			return unexpected_for_type(mount, key, err);
		mount->required = true;
		return 0;
	}
	return error_set(err, ERROR_INVALID, "invalid field '%s' must be a key=value pair", key);
}

static int check(const struct run_mount *mount, struct error *err)
{
	const char *name = type_names[mount->type];
	bool has_file =
		mount->type == RUN_MOUNT_SECRET || mount->type == RUN_MOUNT_SSH || mount->type == RUN_MOUNT_CACHE;
	const char *extra = mount->has_mode ? "mode" : mount->has_user ? "uid" : mount->has_group ? "gid" : NULL;
	if (!has_file && extra)
		return error_set(err, ERROR_INVALID, "%s not allowed for \"%s\" type mounts", extra, name);
	if (mount->type == RUN_MOUNT_SECRET) {
		if (mount->from)
			return error_set(err, ERROR_INVALID, "secret mount should not have a from");
		if (!mount->source && !mount->target && !mount->id)
			return error_set(err, ERROR_INVALID, "invalid secret mount. one of source, target required");
		if (mount->source && mount->id)
			return error_set(err, ERROR_INVALID, "both source and id can't be set");
	}
	if ((mount->type == RUN_MOUNT_BIND || mount->type == RUN_MOUNT_CACHE || mount->type == RUN_MOUNT_TMPFS) &&
	    (!mount->target || !mount->target[0]))
		return error_set(err, ERROR_INVALID, "%s mount needs a target", name);
	return 0;
}

/* No variable is known yet: a value is looked at where it cannot hold one. */
static int check_unexpanded(struct run_mount *mount, const char *field, char *key, const char *value, struct error *err)
{
	if (strcmp(key, "from") == 0) {
		if (strchr(value, '$'))
			return error_set(err, ERROR_INVALID,
					 "'%s' doesn't support variable expansion, define alias stage instead", value);
		replace_string(&mount->from, duplicate_string(value));
		return 0;
	}
	size_t i = 0;
	while (keys[i] && strcmp(keys[i], key) != 0)
		i++;
	if (keys[i])
		return 0;
	bool ignored;
	return set_value(mount, key, value, field, &ignored, err);
}

static int take_field(struct run_mount *mount, const struct expansion *expansion, const char *field,
		      bool *read_only_said, struct error *err)
{
	const char *equals = strchr(field, '=');
	cleanup_free char *key = duplicate_bytes(field, equals ? (size_t)(equals - field) : strlen(field));
	for (char *at = key; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	if (!equals)
		return expansion ? set_flag(mount, key, read_only_said, err) : 0;
	if (!expansion)
		return check_unexpanded(mount, field, key, equals + 1, err);
	cleanup_free char *value = NULL;
	if (expand_word(expansion, equals + 1, &value, err) < 0)
		return -1;
	return set_value(mount, key, value, field, read_only_said, err);
}

int run_mount_parse(const char *text, const struct expansion *expansion, struct run_mount *ret_mount, struct error *err)
{
	cleanup_string_list struct string_list fields = {0};
	CLEANUP(run_mount_release) struct run_mount mount = {0};
	bool read_only_said = false;
	if (csv_split(text, &fields, err) < 0)
		return error_wrap(err, "failed to parse csv mounts");
	for (size_t i = 0; i < fields.count; i++)
		if (take_field(&mount, expansion, fields.items[i], &read_only_said, err) < 0)
			return -1;
	if (expansion && check(&mount, err) < 0)
		return -1;
	if (!read_only_said)
		mount.read_only = mount.type != RUN_MOUNT_CACHE && mount.type != RUN_MOUNT_TMPFS;
	*ret_mount = mount;
	mount = (struct run_mount){0};
	return 0;
}
