#include "build/settings.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/signals.h"
#include "base/text.h"
#include "base/time.h"

#define TEXT_LIMIT ((size_t)4 * 1024 * 1024)

bool settings_covers(enum instruction_kind kind)
{
	switch (kind) {
	case INSTRUCTION_CMD:
	case INSTRUCTION_ENTRYPOINT:
	case INSTRUCTION_ENV:
	case INSTRUCTION_EXPOSE:
	case INSTRUCTION_HEALTHCHECK:
	case INSTRUCTION_LABEL:
	case INSTRUCTION_MAINTAINER:
	case INSTRUCTION_ONBUILD:
	case INSTRUCTION_SHELL:
	case INSTRUCTION_STOPSIGNAL:
	case INSTRUCTION_USER:
	case INSTRUCTION_VOLUME:
		return true;
	default:
		return false;
	}
}

void settings_shell_command(const struct image_config *config, const char *command, struct string_list *arguments)
{
	if (config->shell.count) {
		string_list_copy(arguments, &config->shell);
	} else {
		string_list_add(arguments, "/bin/sh");
		string_list_add(arguments, "-c");
	}
	string_list_add(arguments, command);
}

/* `NAME ["a" "b"]` */
static int quoted_list_text(const char *prefix, const struct string_list *list, char **ret_text, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(TEXT_LIMIT);
	if (buffer_append_string(&text, prefix, err) < 0)
		return -1;
	for (size_t i = 0; i < list->count; i++)
		if (buffer_append_string(&text, i ? " " : "[", err) < 0 ||
		    text_append_quoted(&text, list->items[i], err) < 0)
			return -1;
	if (buffer_append_string(&text, list->count ? "]" : "[]", err) < 0)
		return -1;
	*ret_text = buffer_steal(&text);
	return 0;
}

/* `NAME [a b]` */
static char *plain_list_text(const char *name, const struct string_list *list)
{
	cleanup_free char *joined = string_list_join(list, " ");
	return format_string("%s [%s]", name, joined);
}

static int apply_command(struct settings *settings, const struct instruction *instruction, char **ret_text,
			 struct error *err)
{
	struct image_config *config = settings->config;
	cleanup_string_list struct string_list arguments = {0};
	if (instruction->is_exec_form)
		string_list_copy(&arguments, &instruction->arguments);
	else if (instruction->arguments.count)
		settings_shell_command(config, instruction->arguments.items[0], &arguments);
	if (instruction->kind == INSTRUCTION_CMD) {
		string_list_copy(&config->command, &arguments);
		config->has_command = true;
		settings->command_is_ours = true;
		return quoted_list_text("CMD ", &arguments, ret_text, err);
	}
	string_list_copy(&config->entrypoint, &arguments);
	config->has_entrypoint = true;
	/* A base's CMD was meant for the base's ENTRYPOINT. */
	if (!settings->command_is_ours) {
		string_list_release(&config->command);
		config->has_command = false;
	}
	return quoted_list_text("ENTRYPOINT ", &arguments, ret_text, err);
}

static void set_sorted_key(struct string_list *list, const char *key, const char *value)
{
	ptrdiff_t index = string_list_find_key(list, key);
	if (index >= 0) {
		replace_string(&list->items[index], format_string("%s=%s", key, value));
		return;
	}
	cleanup_free char *item = format_string("%s=%s", key, value);
	image_config_add_sorted(list, item);
}

/* ENV, LABEL. All values see the environment as it was before the line. */
static int apply_pairs(struct settings *settings, const struct instruction *instruction,
		       const struct expansion *expansion, char **ret_text, struct error *err)
{
	bool is_environment = instruction->kind == INSTRUCTION_ENV;
	cleanup_string_list struct string_list keys = {0}, values = {0};
	cleanup_buffer struct buffer text = BUFFER_INIT(TEXT_LIMIT);
	if (buffer_append_string(&text, instruction_name(instruction->kind), err) < 0)
		return -1;
	for (size_t i = 0; i < instruction->pair_count; i++) {
		cleanup_free char *key = NULL, *value = NULL;
		if (expand_word(expansion, instruction->pairs[i].key, &key, err) < 0 ||
		    expand_word(expansion, instruction->pairs[i].value, &value, err) < 0)
			return -1;
		if (!key[0] || (is_environment && strchr(key, '=')))
			return error_set(err, ERROR_INVALID, "%s names can not be blank",
					 instruction_name(instruction->kind));
		if (buffer_append_format(&text, err, " %s=%s", key, value) < 0)
			return -1;
		string_list_take(&keys, steal_pointer(&key));
		string_list_take(&values, steal_pointer(&value));
	}
	for (size_t i = 0; i < keys.count; i++) {
		if (is_environment)
			string_list_set_key(&settings->config->environment, keys.items[i], values.items[i]);
		else
			set_sorted_key(&settings->config->labels, keys.items[i], values.items[i]);
	}
	*ret_text = buffer_steal(&text);
	return 0;
}

static int parse_port(const char *text, size_t length, unsigned *ret_port)
{
	unsigned port = 0;
	if (!length || length > 5)
		return -1;
	for (size_t i = 0; i < length; i++) {
		if (!isdigit((unsigned char)text[i]))
			return -1;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	*ret_port = port;
	return port <= 65535 ? 0 : -1;
}

/* PORT[-PORT] */
static int parse_range(const char *text, size_t length, unsigned *ret_first, unsigned *ret_last)
{
	const char *dash = memchr(text, '-', length);
	size_t first_length = dash ? (size_t)(dash - text) : length;
	if (parse_port(text, first_length, ret_first) < 0)
		return -1;
	*ret_last = *ret_first;
	if (dash && parse_port(dash + 1, length - first_length - 1, ret_last) < 0)
		return -1;
	return *ret_last >= *ret_first ? 0 : -1;
}

static int check_host_ip(const char *text, size_t length, struct error *err)
{
	bool bracketed = length > 2 && text[0] == '[' && text[length - 1] == ']';
	cleanup_free char *ip = duplicate_bytes(text + bracketed, length - (bracketed ? 2 : 0));
	struct in6_addr address;
	if (!length || inet_pton(AF_INET, ip, &address) == 1 || inet_pton(AF_INET6, ip, &address) == 1)
		return 0;
	return error_set(err, ERROR_INVALID, "invalid IP address: %s", ip);
}

/* "[IP:]HOST-PORT" before `port` says nothing in an image, but it must be well formed. */
static int check_host_part(const char *text, size_t length, const char *port, unsigned count, struct error *err)
{
	const char *colon = memrchr(text, ':', length);
	const char *host = colon ? colon + 1 : text;
	size_t host_length = length - (size_t)(host - text);
	unsigned first, last;
	if (colon && check_host_ip(text, (size_t)(colon - text), err) < 0)
		return -1;
	if (!host_length)
		return 0;
	if (parse_range(host, host_length, &first, &last) < 0)
		return error_set(err, ERROR_INVALID, "invalid hostPort: %.*s", (int)host_length, host);
	if (count > 1 && last - first + 1 != count)
		return error_set(err, ERROR_INVALID,
				 "invalid ranges specified for container and host Ports: %s and %.*s", port,
				 (int)host_length, host);
	return 0;
}

/* [[IP:]HOST-PORT:]PORT[-PORT][/PROTOCOL] */
static int add_ports(struct string_list *ports, const char *word, struct error *err)
{
	static const char *const protocols[] = {"tcp", "udp", "sctp"};
	const char *colon = strrchr(word, ':');
	const char *spec = colon ? colon + 1 : word;
	size_t length = strcspn(spec, "/");
	cleanup_free char *port = duplicate_bytes(spec, length);
	cleanup_free char *protocol = duplicate_string(spec[length] && spec[length + 1] ? spec + length + 1 : "tcp");
	for (char *at = protocol; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	if (!length)
		return error_set(err, ERROR_INVALID, "no port specified: %s<empty>", spec);
	size_t known = 0;
	while (known < ARRAY_SIZE(protocols) && strcmp(protocols[known], protocol) != 0)
		known++;
	if (known == ARRAY_SIZE(protocols))
		return error_set(err, ERROR_INVALID, "invalid proto: %s", protocol);
	unsigned first, last;
	if (parse_range(port, length, &first, &last) < 0)
		return error_set(err, ERROR_INVALID, "invalid containerPort: %s", port);
	if (colon && check_host_part(word, (size_t)(colon - word), port, last - first + 1, err) < 0)
		return -1;
	for (unsigned number = first; number <= last; number++) {
		char item[32];
		snprintf(item, sizeof item, "%u/%s", number, protocols[known]);
		string_list_add(ports, item);
	}
	return 0;
}

static int apply_expose(struct settings *settings, const struct instruction *instruction,
			const struct expansion *expansion, char **ret_text, struct error *err)
{
	cleanup_string_list struct string_list words = {0}, ports = {0};
	for (size_t i = 0; i < instruction->arguments.count; i++)
		if (expand_words(expansion, instruction->arguments.items[i], &words, err) < 0)
			return -1;
	for (size_t i = 0; i < words.count; i++)
		if (add_ports(&ports, words.items[i], err) < 0)
			return -1;
	for (size_t i = 0; i < ports.count; i++)
		image_config_add_sorted(&settings->config->exposed_ports, ports.items[i]);
	*ret_text = plain_list_text("EXPOSE", &ports);
	return 0;
}

static int apply_volume(struct settings *settings, const struct instruction *instruction,
			const struct expansion *expansion, char **ret_text, struct error *err)
{
	cleanup_string_list struct string_list volumes = {0};
	for (size_t i = 0; i < instruction->arguments.count; i++) {
		cleanup_free char *volume = NULL;
		if (expand_word(expansion, instruction->arguments.items[i], &volume, err) < 0)
			return -1;
		if (!volume[0])
			return error_set(err, ERROR_INVALID, "VOLUME specified can not be an empty string");
		image_config_add_sorted(&settings->config->volumes, volume);
		string_list_take(&volumes, steal_pointer(&volume));
	}
	*ret_text = plain_list_text("VOLUME", &volumes);
	return 0;
}

/* USER, STOPSIGNAL, MAINTAINER */
static int apply_text(char **member, const struct instruction *instruction, const struct expansion *expansion,
		      char **ret_text, struct error *err)
{
	cleanup_free char *value = NULL;
	if (!expansion)
		value = duplicate_string(instruction->arguments.items[0]);
	else if (expand_word(expansion, instruction->arguments.items[0], &value, err) < 0)
		return -1;
	*ret_text = format_string("%s %s", instruction_name(instruction->kind), value);
	replace_string(member, steal_pointer(&value));
	return 0;
}

static int apply_stop_signal(struct image_config *config, const struct instruction *instruction,
			     const struct expansion *expansion, char **ret_text, struct error *err)
{
	int number;
	cleanup_free char *value = NULL, *text = NULL;
	if (apply_text(&value, instruction, expansion, &text, err) < 0 || signal_parse(value, &number, err) < 0)
		return -1;
	replace_string(&config->stop_signal, steal_pointer(&value));
	*ret_text = steal_pointer(&text);
	return 0;
}

/* Go's %+v: {Test:[CMD-SHELL x] Interval:30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:3} */
static int health_text(const json_t *check, char **ret_text, struct error *err)
{
	static const char *const spans[] = {"Interval", "Timeout", "StartPeriod", "StartInterval"};
	cleanup_string_list struct string_list test = {0};
	if (json_get_strings(check, "Test", &test, err) < 0)
		return -1;
	cleanup_free char *list = plain_list_text("HEALTHCHECK", &test);
	cleanup_buffer struct buffer text = BUFFER_INIT(TEXT_LIMIT);
	if (buffer_append_format(&text, err, "HEALTHCHECK {Test:%s", list + strlen("HEALTHCHECK ")) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		char span[DURATION_TEXT_SIZE];
		time_format_duration(json_integer_value(json_object_get(check, spans[i])), span);
		if (buffer_append_format(&text, err, " %s:%s", spans[i], span) < 0)
			return -1;
	}
	if (buffer_append_format(&text, err, " Retries:%lld}",
				 (long long)json_integer_value(json_object_get(check, "Retries"))) < 0)
		return -1;
	*ret_text = buffer_steal(&text);
	return 0;
}

static int apply_healthcheck(struct settings *settings, const struct instruction *instruction, char **ret_text,
			     struct error *err)
{
	json_decref(settings->config->healthcheck);
	settings->config->healthcheck = json_deep_copy(instruction->healthcheck);
	return health_text(instruction->healthcheck, ret_text, err);
}

int settings_apply(struct settings *settings, const struct instruction *instruction, const struct expansion *expansion,
		   char **ret_text, struct error *err)
{
	struct image_config *config = settings->config;
	switch (instruction->kind) {
	case INSTRUCTION_CMD:
	case INSTRUCTION_ENTRYPOINT:
		return apply_command(settings, instruction, ret_text, err);
	case INSTRUCTION_ENV:
	case INSTRUCTION_LABEL:
		return apply_pairs(settings, instruction, expansion, ret_text, err);
	case INSTRUCTION_EXPOSE:
		return apply_expose(settings, instruction, expansion, ret_text, err);
	case INSTRUCTION_VOLUME:
		return apply_volume(settings, instruction, expansion, ret_text, err);
	case INSTRUCTION_USER:
		return apply_text(&config->user, instruction, expansion, ret_text, err);
	case INSTRUCTION_STOPSIGNAL:
		return apply_stop_signal(config, instruction, expansion, ret_text, err);
	case INSTRUCTION_MAINTAINER:
		return apply_text(&config->author, instruction, NULL, ret_text, err);
	case INSTRUCTION_HEALTHCHECK:
		return apply_healthcheck(settings, instruction, ret_text, err);
	case INSTRUCTION_SHELL:
		string_list_copy(&config->shell, &instruction->arguments);
		*ret_text = plain_list_text("SHELL", &config->shell);
		return 0;
	case INSTRUCTION_ONBUILD:
		string_list_add(&config->on_build, instruction->arguments.items[0]);
		*ret_text = NULL;
		return 0;
	default:
		return error_set(err, ERROR_UNSUPPORTED, "%s is no setting", instruction_name(instruction->kind));
	}
}
