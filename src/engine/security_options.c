/* What users write behind --security-opt. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "engine/container_config.h"
#include "runtime/seccomp_profile.h"

static int set_seccomp(struct container_config *config, const char *value, struct error *err)
{
	replace_string(&config->seccomp_profile, NULL);
	config->seccomp_unconfined = strcmp(value, "unconfined") == 0;
	if (config->seccomp_unconfined || strcmp(value, "builtin") == 0)
		return 0;
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	if (read_file_at(AT_FDCWD, value, SECCOMP_PROFILE_LIMIT, &text, err) < 0)
		return error_wrap(err, "opening seccomp profile (%s) failed", value);
	cleanup_json json_t *document = NULL;
	if (json_parse(text.bytes, text.size, &document, err) < 0)
		return error_wrap(err, "compacting json for seccomp profile (%s) failed", value);
	config->seccomp_profile = json_text(document);
	/* What of it can not be done is said now rather than at the first start. */
	cleanup_seccomp_filter struct seccomp_filter filter = {{0}};
	uint64_t capabilities;
	if (container_config_capabilities(config, &capabilities, err) < 0)
		return -1;
	return seccomp_profile_filter(config->seccomp_profile, capabilities, &filter, err);
}

static int set_no_new_privileges(struct container_config *config, const char *value, struct error *err)
{
	if (!text_parse_boolean(value, &config->no_new_privileges))
		return error_set(err, ERROR_INVALID, "invalid --security-opt: \"no-new-privileges=%s\"", value);
	return 0;
}

static int set_apparmor(struct container_config *config, const char *value, struct error *err)
{
	if (strcmp(value, "unconfined") != 0)
		return error_set(err, ERROR_UNSUPPORTED,
				 "--security-opt apparmor=%s: containers are started without an AppArmor profile; "
				 "\"unconfined\" is what there is",
				 value);
	string_list_add_once(&config->security_words, "apparmor=unconfined");
	return 0;
}

/* On a host without SELinux a label says nothing, as with Docker; on one with it a label that is not set would be a
 * lie. */
static int set_label(struct container_config *config, const char *value, struct error *err)
{
	static const char *const keys[] = {"user", "role", "type", "level", "filetype"};
	size_t length = strcspn(value, ":");
	bool is_known = strcmp(value, "disable") == 0;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		is_known = is_known ||
			   (value[length] && strlen(keys[i]) == length && strncmp(keys[i], value, length) == 0);
	if (!is_known)
		return error_set(err, ERROR_INVALID,
				 "bad label option \"%s\", valid options 'disable' or 'user, role, level, type, "
				 "filetype' followed by ':' and a value",
				 value);
	if (strcmp(value, "disable") != 0 && access("/sys/fs/selinux/enforce", F_OK) == 0)
		return error_set(err, ERROR_UNSUPPORTED,
				 "--security-opt label=%s: containers are started without SELinux labels; \"disable\" "
				 "is what there is",
				 value);
	cleanup_free char *word = format_string("label=%s", value);
	string_list_add_once(&config->security_words, word);
	return 0;
}

static int set_system_paths(struct container_config *config, const char *value, struct error *err)
{
	if (strcmp(value, "unconfined") != 0)
		return error_set(err, ERROR_INVALID, "invalid --security-opt: \"systempaths=%s\"", value);
	config->shows_system_paths = true;
	return 0;
}

int container_config_add_security(struct container_config *config, const char *text, struct error *err)
{
	static const struct {
		const char *name;
		int (*set)(struct container_config *config, const char *value, struct error *err);
	} options[] = {
		{"seccomp", set_seccomp},	   {"no-new-privileges", set_no_new_privileges},
		{"apparmor", set_apparmor},	   {"label", set_label},
		{"systempaths", set_system_paths},
	};
	size_t length = strcspn(text, "=:");
	if (strcmp(text, "no-new-privileges") == 0) {
		config->no_new_privileges = true;
		return 0;
	}
	for (size_t i = 0; text[length] && i < ARRAY_SIZE(options); i++)
		if (strlen(options[i].name) == length && strncmp(options[i].name, text, length) == 0)
			return options[i].set(config, text + length + 1, err);
	return error_set(err, ERROR_INVALID, "Invalid --security-opt: \"%s\"", text);
}
