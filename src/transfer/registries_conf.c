#include "transfer/registries_conf.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/string_list.h"
#include "oci/reference.h"
#include "transfer/toml.h"

#define MAIN_FILE  "/etc/containers/registries.conf"
#define MORE_FILES "/etc/containers/registries.conf.d"

#define HOST_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]_"

enum section { SECTION_TOP, SECTION_REGISTRY, SECTION_MIRROR, SECTION_OTHER };

struct reading {
	struct registries_conf *conf;
	const char *file;
	size_t first; /* of the entries of this file */
	enum section section;
	struct string_list seen; /* keys of this table */
};

static void entry_release(struct registries_entry *entry)
{
	for (size_t i = 0; i < entry->mirror_count; i++)
		free(entry->mirrors[i].location);
	free(entry->prefix);
	free(entry->location);
	free(entry->file);
	*entry = (struct registries_entry){0};
}

void registries_conf_release(struct registries_conf *conf)
{
	for (size_t i = 0; i < conf->count; i++)
		entry_release(&conf->entries[i]);
	free(conf->entries);
	*conf = (struct registries_conf){0};
}

void registry_sources_release(struct registry_sources *sources)
{
	for (size_t i = 0; i < sources->count; i++) {
		free(sources->items[i].domain);
		free(sources->items[i].path);
	}
	sources->count = 0;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static struct registries_entry *last_entry(const struct reading *reading)
{
	return reading->conf->count > reading->first ? &reading->conf->entries[reading->conf->count - 1] : NULL;
}

static int begin_registry(struct reading *reading, struct error *err)
{
	struct registries_conf *conf = reading->conf;
	if (conf->count == REGISTRIES_ENTRY_LIMIT)
		return error_set(err, ERROR_LIMIT, "more than %d registries", REGISTRIES_ENTRY_LIMIT);
	conf->entries = reallocate_array(conf->entries, conf->count + 1, sizeof *conf->entries);
	conf->entries[conf->count++] = (struct registries_entry){.file = duplicate_string(reading->file)};
	reading->section = SECTION_REGISTRY;
	return 0;
}

static int begin_mirror(struct reading *reading, struct error *err)
{
	struct registries_entry *entry = last_entry(reading);
	if (!entry)
		return error_set(err, ERROR_INVALID, "[[registry.mirror]] stands before any [[registry]]");
	if (entry->mirror_count == REGISTRIES_MIRROR_LIMIT)
		return error_set(err, ERROR_LIMIT, "a registry has more than %d mirrors", REGISTRIES_MIRROR_LIMIT);
	entry->mirror_count++;
	reading->section = SECTION_MIRROR;
	return 0;
}

static int on_table(void *context, const char *name, bool is_array, struct error *err)
{
	struct reading *reading = context;
	string_list_release(&reading->seen);
	if (strcmp(name, "registry") == 0 || strcmp(name, "registry.mirror") == 0) {
		if (!is_array)
			return error_set(err, ERROR_INVALID, "[%s] is written as [[%s]]", name, name);
		return name[strlen("registry")] ? begin_mirror(reading, err) : begin_registry(reading, err);
	}
	if (strncmp(name, "registries.", strlen("registries.")) == 0)
		return error_set(err, ERROR_UNSUPPORTED,
				 "[%.60s] is version 1 of registries.conf, which is not read here: write [[registry]]",
				 name);
	reading->section = SECTION_OTHER;
	return 0;
}

/* "host[:port][/path]"; a prefix may begin with "*.". A slash at the end does not count. */
static int take_name(const char *key, const struct toml_value *value, bool may_be_wild, char **name, struct error *err)
{
	if (value->type != TOML_STRING)
		return error_set(err, ERROR_INVALID, "%s wants a string", key);
	if (strstr(value->text, "://"))
		return error_set(err, ERROR_INVALID, "%s = \"%.100s\": no scheme is written here", key, value->text);
	size_t length = strlen(value->text);
	while (length > 0 && value->text[length - 1] == '/')
		length--;
	cleanup_free char *text = duplicate_bytes(value->text, length);
	const char *host = may_be_wild && strncmp(text, "*.", 2) == 0 ? text + 2 : text;
	size_t host_length = strspn(host, HOST_CHARACTERS);
	const char *path = host[host_length] == '/' ? host + host_length + 1 : NULL;
	if (host_length == 0 || length > REFERENCE_NAME_LIMIT || (!path && host[host_length]) ||
	    (path && !reference_path_is_valid(path)))
		return error_set(err, ERROR_INVALID, "%s = \"%.100s\" is not host[:port][/path]", key, value->text);
	replace_string(name, steal_pointer(&text));
	return 0;
}

static int take_boolean(const char *key, const struct toml_value *value, bool *ret, struct error *err)
{
	if (value->type != TOML_BOOLEAN)
		return error_set(err, ERROR_INVALID, "%s wants true or false", key);
	*ret = value->boolean;
	return 0;
}

static int take_use(const char *key, const struct toml_value *value, enum mirror_use *ret, struct error *err)
{
	static const char *const words[] = {
		[MIRROR_FOR_ALL] = "all", [MIRROR_FOR_DIGESTS] = "digest-only", [MIRROR_FOR_TAGS] = "tag-only"};
	for (size_t i = 0; value->type == TOML_STRING && i < ARRAY_SIZE(words); i++)
		if (strcmp(value->text, words[i]) == 0) {
			*ret = (enum mirror_use)i;
			return 0;
		}
	return error_set(err, ERROR_INVALID, "%s wants \"all\", \"digest-only\" or \"tag-only\"", key);
}

static int on_registry_value(struct registries_entry *entry, const char *key, const struct toml_value *value,
			     struct error *err)
{
	if (strcmp(key, "prefix") == 0)
		return take_name(key, value, true, &entry->prefix, err);
	if (strcmp(key, "location") == 0)
		return take_name(key, value, false, &entry->location, err);
	if (strcmp(key, "insecure") == 0)
		return take_boolean(key, value, &entry->insecure, err);
	if (strcmp(key, "blocked") == 0)
		return take_boolean(key, value, &entry->blocked, err);
	if (strcmp(key, "mirror-by-digest-only") == 0)
		return take_boolean(key, value, &entry->mirrors_by_digest_only, err);
	return 0;
}

static int on_mirror_value(struct registries_mirror *mirror, const char *key, const struct toml_value *value,
			   struct error *err)
{
	if (strcmp(key, "location") == 0)
		return take_name(key, value, false, &mirror->location, err);
	if (strcmp(key, "insecure") == 0)
		return take_boolean(key, value, &mirror->insecure, err);
	if (strcmp(key, "pull-from-mirror") == 0)
		return take_use(key, value, &mirror->use, err);
	return 0;
}

static int on_value(void *context, const char *key, const struct toml_value *value, struct error *err)
{
	struct reading *reading = context;
	if (reading->section != SECTION_REGISTRY && reading->section != SECTION_MIRROR)
		return 0;
	if (string_list_contains(&reading->seen, key))
		return error_set(err, ERROR_INVALID, "%.60s is said twice", key);
	if (reading->seen.count == TOML_ARRAY_LIMIT)
		return error_set(err, ERROR_LIMIT, "a table has more than %d keys", TOML_ARRAY_LIMIT);
	string_list_add(&reading->seen, key);
	struct registries_entry *entry = last_entry(reading);
	return reading->section == SECTION_REGISTRY
		       ? on_registry_value(entry, key, value, err)
		       : on_mirror_value(&entry->mirrors[entry->mirror_count - 1], key, value, err);
}

static int check_entry(struct registries_entry *entry, struct error *err)
{
	if (!entry->prefix && !entry->location)
		return error_set(err, ERROR_INVALID, "a [[registry]] has neither prefix nor location");
	if (!entry->prefix)
		entry->prefix = duplicate_string(entry->location);
	if (!entry->location && entry->prefix[0] != '*')
		return error_set(err, ERROR_INVALID, "the registry with prefix %s has no location", entry->prefix);
	for (size_t i = 0; i < entry->mirror_count; i++) {
		if (!entry->mirrors[i].location)
			return error_set(err, ERROR_INVALID, "a mirror of %s has no location", entry->prefix);
		if (entry->mirrors_by_digest_only && entry->mirrors[i].use != MIRROR_FOR_ALL)
			return error_set(err, ERROR_INVALID,
					 "pull-from-mirror of %s cannot stand beside mirror-by-digest-only",
					 entry->mirrors[i].location);
	}
	return 0;
}

/* Entries of earlier files go where this file has one of the same prefix. */
static int settle(struct registries_conf *conf, size_t first, struct error *err)
{
	for (size_t i = first; i < conf->count; i++) {
		if (check_entry(&conf->entries[i], err) < 0)
			return -1;
		for (size_t j = first; j < i; j++)
			if (strcmp(conf->entries[i].prefix, conf->entries[j].prefix) == 0)
				return error_set(err, ERROR_INVALID, "the prefix %s is there twice",
						 conf->entries[i].prefix);
	}
	size_t kept = 0;
	for (size_t i = 0; i < conf->count; i++) {
		bool is_replaced = false;
		for (size_t j = first; i < first && j < conf->count; j++)
			is_replaced |= strcmp(conf->entries[i].prefix, conf->entries[j].prefix) == 0;
		if (is_replaced)
			entry_release(&conf->entries[i]);
		else
			conf->entries[kept++] = conf->entries[i];
	}
	conf->count = kept;
	return 0;
}

int registries_conf_add(struct registries_conf *conf, const char *file, const char *text, size_t size,
			struct error *err)
{
	struct reading reading = {.conf = conf, .file = file, .first = conf->count};
	struct toml_reader reader = {on_table, on_value, &reading};
	int outcome = toml_read(text, size, &reader, err);
	string_list_release(&reading.seen);
	if (outcome < 0 || settle(conf, reading.first, err) < 0)
		return error_wrap(err, "%s", file);
	return 0;
}

static int add_file(struct registries_conf *conf, const char *path, bool must_exist, struct error *err)
{
	cleanup_buffer struct buffer text = {0};
	struct error why = {0};
	if (read_file_at(AT_FDCWD, path, TOML_SIZE_LIMIT, &text, &why) < 0) {
		if (why.kind == ERROR_NOT_FOUND && !must_exist)
			return 0;
		if (err)
			*err = why;
		return error_wrap(err, "read the settings of registries");
	}
	return registries_conf_add(conf, path, buffer_text(&text), text.size, err);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_more(struct string_list *names, struct error *err)
{
	cleanup_directory DIR *folder = opendir(MORE_FILES);
	if (!folder)
		return errno == ENOENT ? 0 : error_set_errno(err, errno, "list %s", MORE_FILES);
	for (const struct dirent *entry; (entry = readdir(folder));) {
		size_t length = strlen(entry->d_name);
		if (length <= 5 || strcmp(entry->d_name + length - 5, ".conf") != 0)
			continue;
		if (names->count == REGISTRIES_FILE_LIMIT)
			return error_set(err, ERROR_LIMIT, "%s has more than %d files", MORE_FILES,
					 REGISTRIES_FILE_LIMIT);
		string_list_add_format(names, "%s/%s", MORE_FILES, entry->d_name);
	}
	if (names->count)
		qsort(names->items, names->count, sizeof *names->items, compare_names);
	return 0;
}

int registries_conf_load(struct registries_conf *ret_conf, struct error *err)
{
	cleanup_registries_conf struct registries_conf conf = {0};
	cleanup_string_list struct string_list names = {0};
	const char *own = getenv("CONTAINERS_REGISTRIES_CONF");
	bool is_own = own && *own;
	if (add_file(&conf, is_own ? own : MAIN_FILE, is_own, err) < 0 || (!is_own && list_more(&names, err) < 0))
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (add_file(&conf, names.items[i], false, err) < 0)
			return -1;
	*ret_conf = conf;
	conf = (struct registries_conf){0};
	return 0;
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

/* How many bytes of the name the prefix covers, up to a slash or the end; 0: it does not. */
static size_t match(const char *prefix, const char *name)
{
	size_t skipped = 0;
	if (strncmp(prefix, "*.", 2) == 0) {
		prefix++;
		/* Some labels, then ".example.com": the last place where that begins within the host. */
		size_t host = strcspn(name, "/");
		size_t own = strcspn(prefix, "/");
		if (host <= own)
			return 0;
		skipped = host - own;
	}
	size_t length = strlen(prefix);
	if (strncmp(name + skipped, prefix, length) != 0)
		return 0;
	char next = name[skipped + length];
	return next == '/' || next == '\0' ? skipped + length : 0;
}

static const struct registries_entry *find(const struct registries_conf *conf, const char *name, size_t *ret_covered)
{
	const struct registries_entry *best = NULL;
	for (size_t i = 0; i < conf->count; i++) {
		const struct registries_entry *entry = &conf->entries[i];
		size_t covered = match(entry->prefix, name);
		if (covered > 0 && (!best || strlen(entry->prefix) > strlen(best->prefix))) {
			best = entry;
			*ret_covered = covered;
		}
	}
	return best;
}

static int refuse_blocked(const struct registries_entry *entry, const char *domain, struct error *err)
{
	return error_set(err, ERROR_DENIED, "registry %s is blocked in %s",
			 strchr(entry->prefix, '/') ? entry->prefix : domain, entry->file);
}

static int add_source(struct registry_sources *sources, const char *location, const char *rest, bool insecure,
		      struct error *err)
{
	cleanup_free char *name = format_string("%s%s", location, rest);
	const char *slash = strchr(name, '/');
	if (!slash || !reference_path_is_valid(slash + 1))
		return error_set(err, ERROR_INVALID, "the location %s leads to %s, which names no repository", location,
				 name);
	sources->items[sources->count++] =
		(struct registry_source){.domain = duplicate_bytes(name, (size_t)(slash - name)),
					 .path = duplicate_string(slash + 1),
					 .insecure = insecure};
	return 0;
}

int registries_conf_sources(const struct registries_conf *conf, const char *domain, const char *path, bool by_digest,
			    struct registry_sources *ret_sources, struct error *err)
{
	cleanup_registry_sources struct registry_sources sources = {0};
	cleanup_free char *name = format_string("%s/%s", domain, path);
	size_t covered = 0;
	const struct registries_entry *entry = find(conf, name, &covered);
	if (entry && entry->blocked)
		return refuse_blocked(entry, domain, err);
	for (size_t i = 0; entry && i < entry->mirror_count; i++) {
		const struct registries_mirror *mirror = &entry->mirrors[i];
		if ((!by_digest && (entry->mirrors_by_digest_only || mirror->use == MIRROR_FOR_DIGESTS)) ||
		    (by_digest && mirror->use == MIRROR_FOR_TAGS))
			continue;
		if (add_source(&sources, mirror->location, name + covered, mirror->insecure, err) < 0)
			return error_wrap(err, "%s", entry->file);
	}
	bool moved = entry && entry->location;
	if (add_source(&sources, moved ? entry->location : domain, moved ? name + covered : name + strlen(domain),
		       entry && entry->insecure, err) < 0)
		return entry ? error_wrap(err, "%s", entry->file) : -1;
	*ret_sources = sources;
	sources.count = 0;
	return 0;
}

int registries_conf_check(const struct registries_conf *conf, const char *domain, const char *path,
			  bool *ret_is_insecure, struct error *err)
{
	cleanup_free char *name = path ? format_string("%s/%s", domain, path) : duplicate_string(domain);
	size_t covered = 0;
	const struct registries_entry *entry = find(conf, name, &covered);
	if (entry && entry->blocked)
		return refuse_blocked(entry, domain, err);
	*ret_is_insecure = entry && entry->insecure;
	return 0;
}
