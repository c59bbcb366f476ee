#include "engine/log_options.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <regex.h>
#include <string.h>

#include "base/text.h"

#define ROTATES (1 << LOG_DRIVER_JSON_FILE | 1 << LOG_DRIVER_LOCAL)
#define ALL	(ROTATES | 1 << LOG_DRIVER_JOURNALD)

static const struct {
	const char *name;
	int drivers;
} known_options[] = {
	{"mode", ALL}, {"max-buffer-size", ALL}, {"max-size", ROTATES}, {"max-file", ROTATES}, {"compress", ROTATES},
	{"tag", ALL},  {"labels", ALL},		 {"labels-regex", ALL}, {"env", ALL},	       {"env-regex", ALL},
};

static int check_names(const struct container_config *config, struct error *err)
{
	for (size_t i = 0; i < config->log_options.count; i++) {
		const char *option = config->log_options.items[i];
		size_t length = strcspn(option, "=");
		bool is_known = false;
		for (size_t j = 0; j < ARRAY_SIZE(known_options) && !is_known; j++)
			is_known = known_options[j].drivers & 1 << config->log_driver &&
				   strlen(known_options[j].name) == length &&
				   memcmp(known_options[j].name, option, length) == 0;
		if (is_known)
			continue;
		return config->log_driver == LOG_DRIVER_LOCAL
			       ? error_set(err, ERROR_INVALID, "unknown log opt '%.*s' for log driver local",
					   (int)length, option)
			       : error_set(err, ERROR_INVALID, "unknown log opt '%.*s' for %s log driver", (int)length,
					   option, log_driver_names[config->log_driver]);
	}
	return 0;
}

/* go-units' FromHumanSize and RAMInBytes: "10m", "1.5 GB", "64KiB", in powers of `base`. */
static int parse_size(const char *text, double base, int64_t *ret_bytes, struct error *err)
{
	static const char letters[] = "kmgtp";
	size_t length = strspn(text, "0123456789. ");
	const char *suffix = text + length;
	char *end;
	double number = strtod(text, &end);
	if (length == 0 || !isdigit((unsigned char)text[0]) || strspn(end, " ") != (size_t)(suffix - end))
		return error_set(err, ERROR_INVALID, "invalid size: '%s'", text);
	char letter = (char)tolower((unsigned char)suffix[0]);
	const char *power = letter ? strchr(letters, letter) : NULL;
	const char *rest = power ? suffix + 1 : suffix;
	if (*rest && strcasecmp(rest, "b") != 0 && !(power && strcasecmp(rest, "ib") == 0))
		return error_set(err, ERROR_INVALID, "invalid suffix: '%s'", suffix);
	for (const char *at = letters; power && at <= power; at++)
		number *= base;
	if (!(number < (double)(INT64_MAX / 2)))
		return error_set(err, ERROR_INVALID, "invalid size: '%s'", text);
	*ret_bytes = (int64_t)number;
	return 0;
}

static int read_size(const struct container_config *config, struct log_settings *settings, struct error *err)
{
	const char *text = string_list_get_key(&config->log_options, "max-size");
	if (!text)
		return 0;
	/* Docker's word for no limit. */
	settings->max_size = 0;
	if (strcmp(text, "-1") == 0)
		return 0;
	if (parse_size(text, 1000, &settings->max_size, err) < 0)
		return config->log_driver == LOG_DRIVER_LOCAL ? error_wrap(err, "invalid value for max-size: %s", text)
							      : -1;
	return settings->max_size > 0 ? 0 : error_set(err, ERROR_INVALID, "max-size must be a positive number");
}

static int read_files(const struct container_config *config, struct log_settings *settings, struct error *err)
{
	const char *text = string_list_get_key(&config->log_options, "max-file");
	if (!text)
		return 0;
	char *end;
	errno = 0;
	long number = strtol(text, &end, 10);
	if (end == text || *end || isspace((unsigned char)*text) || errno || number > INT_MAX) {
		error_set(err, ERROR_INVALID, "strconv.Atoi: parsing \"%s\": invalid syntax", text);
		return config->log_driver == LOG_DRIVER_LOCAL ? error_wrap(err, "invalid value for max-file: %s", text)
							      : -1;
	}
	settings->max_files = number;
	return number >= 1 ? 0 : error_set(err, ERROR_INVALID, "max-file cannot be less than 1");
}

static int read_compress(const struct container_config *config, struct log_settings *settings, struct error *err)
{
	const char *text = string_list_get_key(&config->log_options, "compress");
	bool is_local = config->log_driver == LOG_DRIVER_LOCAL;
	settings->compress = is_local;
	if (text && !text_parse_boolean(text, &settings->compress)) {
		error_set(err, ERROR_INVALID, "strconv.ParseBool: parsing \"%s\": invalid syntax", text);
		return is_local ? error_wrap(err, "invalid boolean value for compress") : -1;
	}
	if (!settings->compress || (settings->max_files > 1 && settings->max_size > 0))
		return 0;
	/* Where nobody asked for it there is just nothing to compress. */
	if (!text && settings->max_files > 1) {
		settings->compress = false;
		return 0;
	}
	return error_set(err, ERROR_INVALID,
			 is_local ? "compression cannot be enabled when max file count is 1"
				  : "compress cannot be true when max-file is less than 2 or max-size is not set");
}

static int read_mode(const struct container_config *config, struct log_settings *settings, struct error *err)
{
	const char *mode = string_list_get_key(&config->log_options, "mode");
	const char *size = string_list_get_key(&config->log_options, "max-buffer-size");
	bool is_waiting = !mode || !*mode || strcmp(mode, "blocking") == 0;
	if (!is_waiting && strcmp(mode, "non-blocking") != 0)
		return error_set(err, ERROR_INVALID, "logger: logging mode not supported: %s", mode);
	if (size && is_waiting)
		return error_set(err, ERROR_INVALID,
				 "logger: max-buffer-size option is only supported with 'mode=non-blocking'");
	settings->buffer = is_waiting ? 0 : LOG_DEFAULT_BUFFER;
	if (size && parse_size(size, 1024, &settings->buffer, err) < 0)
		return error_wrap(err, "error parsing option max-buffer-size");
	if (size && settings->buffer < 4096)
		return error_set(err, ERROR_INVALID,
				 "error parsing option max-buffer-size: '%s' is less than a page of 4096 bytes", size);
	return 0;
}

static int check_expression(const struct container_config *config, const char *option, struct error *err)
{
	const char *text = string_list_get_key(&config->log_options, option);
	regex_t expression;
	char reason[128];
	if (!text)
		return 0;
	int code = regcomp(&expression, text, REG_EXTENDED | REG_NOSUB);
	if (code != 0) {
		regerror(code, &expression, reason, sizeof reason);
		return error_set(err, ERROR_INVALID, "error parsing regexp: %s: `%s`", reason, text);
	}
	regfree(&expression);
	return 0;
}

int log_settings_read(const struct container_config *config, struct log_settings *ret_settings, struct error *err)
{
	struct log_settings settings = {.max_size = LOG_DEFAULT_SIZE, .max_files = LOG_DEFAULT_FILES};
	if (config->log_driver == LOG_DRIVER_NONE && config->log_options.count > 0)
		return error_set(err, ERROR_INVALID, "invalid logging opts for driver none");
	if (read_mode(config, &settings, err) < 0 || check_names(config, err) < 0)
		return -1;
	const struct container_record nobody = {.id = "0"};
	cleanup_free char *tag = NULL;
	if (read_size(config, &settings, err) < 0 || read_files(config, &settings, err) < 0 ||
	    read_compress(config, &settings, err) < 0 || check_expression(config, "labels-regex", err) < 0 ||
	    check_expression(config, "env-regex", err) < 0 || log_tag(config, &nobody, NULL, &tag, err) < 0)
		return error_wrap(err, "failed to initialize logging driver");
	*ret_settings = settings;
	return 0;
}
