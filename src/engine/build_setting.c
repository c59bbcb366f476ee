#include "engine/build_setting.h"

#include <ctype.h>
#include <string.h>

#include "base/csv.h"
#include "base/text.h"

#define SETTING_LIMIT 65536 /* bytes of one option */

void build_setting_release(struct build_setting *setting)
{
	free(setting->type);
	string_list_release(&setting->values);
	*setting = (struct build_setting){0};
}

static int take_field(struct build_setting *setting, const char *field, struct error *err)
{
	const char *equals = strchr(field, '=');
	if (!equals)
		return error_set(err, ERROR_INVALID, "invalid value %s", field);
	const char *name = field;
	size_t length = (size_t)(equals - field);
	text_trim(&name, &length);
	cleanup_free char *key = duplicate_bytes(name, length);
	for (char *at = key; *at && *at != '.' && *at != '['; at++)
		*at = (char)tolower((unsigned char)*at);
	if (strcmp(key, "type") == 0)
		replace_string(&setting->type, duplicate_string(equals + 1));
	else
		string_list_set_key(&setting->values, key, equals + 1);
	return 0;
}

int build_setting_parse(const char *text, struct build_setting *ret_setting, struct error *err)
{
	cleanup_build_setting struct build_setting setting = {0};
	cleanup_string_list struct string_list fields = {0};
	if (strlen(text) > SETTING_LIMIT)
		return error_set(err, ERROR_LIMIT, "an option is longer than %d bytes", SETTING_LIMIT);
	if (csv_split(text, &fields, err) < 0)
		return -1;
	for (size_t i = 0; i < fields.count; i++)
		if (take_field(&setting, fields.items[i], err) < 0)
			return -1;
	*ret_setting = setting;
	setting = (struct build_setting){0};
	return 0;
}

const char *build_setting_get(const struct build_setting *setting, const char *key)
{
	return string_list_get_key(&setting->values, key);
}

int build_setting_flag(const struct build_setting *setting, const char *key, bool *ret_value, struct error *err)
{
	const char *text = build_setting_get(setting, key);
	if (!text || text_parse_boolean(text, ret_value))
		return 0;
	return error_set(err, ERROR_INVALID, "non-bool value specified for %s: \"%s\"", key, text);
}

static bool is_known(const char *const *known, const char *key)
{
	for (; *known; known++) {
		size_t length = strlen(*known);
		bool is_start = (*known)[length - 1] == '.';
		if (is_start ? strncmp(key, *known, length) == 0 && key[length] : strcmp(key, *known) == 0)
			return true;
	}
	return false;
}

int build_setting_check(const struct build_setting *setting, const char *option, const char *const *known,
			struct error *err)
{
	for (size_t i = 0; i < setting->values.count; i++) {
		const char *item = setting->values.items[i];
		cleanup_free char *key = duplicate_bytes(item, strcspn(item, "="));
		if (!is_known(known, key))
			return error_set(err, ERROR_UNSUPPORTED, "%s: \"%s\" is not supported for type=%s", option, key,
					 setting->type);
	}
	return 0;
}
