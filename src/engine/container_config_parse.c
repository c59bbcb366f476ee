/* What users write behind -e, --restart and --log-driver. */
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "engine/container_config.h"
#include "engine/log_options.h"

#define ENVIRONMENT_FILE_LIMIT ((size_t)1024 * 1024)

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
