#include "engine/health.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "build/words.h"
#include "engine/events.h"
#include "engine/health_probe.h"
#include "engine/state.h"

#define LOG_ENTRIES	 5
#define FILE_LIMIT	 (1024 * 1024)
#define DEFAULT_RETRIES	 3
#define STATUS_STARTING	 "starting"
#define STATUS_HEALTHY	 "healthy"
#define STATUS_UNHEALTHY "unhealthy"
#define MILLISECOND	 (NANOSECONDS_PER_SECOND / 1000)

static int read_span(const json_t *check, const char *name, nanoseconds otherwise, nanoseconds *ret_span,
		     struct error *err)
{
	int64_t span = 0;
	if (json_get_integer(check, name, &span, err) < 0)
		return -1;
	*ret_span = span > 0 ? span : otherwise;
	return 0;
}

int health_settings_read(const struct container_config *config, struct health_settings *ret_settings, struct error *err)
{
	struct health_settings settings = {0};
	cleanup_string_list struct string_list test = {0};
	if (config->healthcheck) {
		const json_t *check = config->healthcheck;
		if (json_get_strings(check, "Test", &test, err) < 0 ||
		    read_span(check, "Interval", 30 * NANOSECONDS_PER_SECOND, &settings.interval, err) < 0 ||
		    read_span(check, "Timeout", 30 * NANOSECONDS_PER_SECOND, &settings.timeout, err) < 0 ||
		    read_span(check, "StartPeriod", 0, &settings.start_period, err) < 0 ||
		    read_span(check, "StartInterval", 5 * NANOSECONDS_PER_SECOND, &settings.start_interval, err) < 0 ||
		    read_span(check, "Retries", DEFAULT_RETRIES, &settings.retries, err) < 0)
			return error_wrap(err, "the container's health check");
		settings.is_set = test.count > 1 && strcmp(test.items[0], "NONE") != 0;
	}
	*ret_settings = settings;
	return 0;
}

static int add_span(json_t *check, const char *name, const char *option, const char *text, struct error *err)
{
	long long span;
	if (!text)
		return 0;
	if (words_parse_duration(text, &span, err) < 0)
		return error_wrap(err, "invalid argument \"%s\" for \"--%s\" flag", text, option);
	if (span < 0)
		return error_set(err, ERROR_INVALID, "--%s cannot be negative", option);
	if (span > 0 && span < MILLISECOND)
		return error_set(err, ERROR_INVALID, "%s in Healthcheck cannot be less than one millisecond", name);
	if (span > 0)
		json_object_set_new(check, name, json_integer(span));
	return 0;
}

int health_options_apply(const struct health_options *options, json_t **ret_check, struct error *err)
{
	cleanup_json json_t *check = json_object();
	if (options->command && *options->command) {
		json_t *command = json_string(options->command);
		if (!command)
			return error_set(err, ERROR_INVALID, "--health-cmd is not UTF-8");
		json_object_set_new(check, "Test", json_pack("[s, o]", "CMD-SHELL", command));
	}
	if (add_span(check, "Interval", "health-interval", options->interval, err) < 0 ||
	    add_span(check, "Timeout", "health-timeout", options->timeout, err) < 0 ||
	    add_span(check, "StartPeriod", "health-start-period", options->start_period, err) < 0 ||
	    add_span(check, "StartInterval", "health-start-interval", options->start_interval, err) < 0)
		return -1;
	if (options->retries < 0)
		return error_set(err, ERROR_INVALID, "--health-retries cannot be negative");
	if (options->retries > 0)
		json_object_set_new(check, "Retries", json_integer(options->retries));
	bool is_said = json_object_size(check) > 0;
	if (options->none && is_said)
		return error_set(err, ERROR_INVALID, "--no-healthcheck conflicts with --health-* options");
	if (options->none)
		json_object_set_new(check, "Test", json_pack("[s]", "NONE"));
	*ret_check = is_said || options->none ? steal_pointer(&check) : NULL;
	return 0;
}

static const char *health_text(const json_t *health)
{
	const char *text = json_string_value(json_object_get(health, "Status"));
	return text ? text : STATUS_STARTING;
}

static json_t *fresh_health(void)
{
	return json_pack("{s:s, s:i, s:[]}", "Status", STATUS_STARTING, "FailingStreak", 0, "Log");
}

int health_read(int run_folder_fd, json_t **ret_health, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(FILE_LIMIT);
	struct error inner = {0};
	if (run_folder_fd >= 0 && read_file_at(run_folder_fd, "health", FILE_LIMIT, &text, &inner) < 0 &&
	    inner.kind != ERROR_NOT_FOUND) {
		if (err)
			*err = inner;
		return -1;
	}
	if (text.size == 0) {
		*ret_health = fresh_health();
		return 0;
	}
	return json_parse(text.bytes, text.size, ret_health, err);
}

const char *health_status(struct engine *engine, const struct container_record *record)
{
	static const char *const statuses[] = {STATUS_STARTING, STATUS_HEALTHY, STATUS_UNHEALTHY};
	const json_t *test = json_object_get(json_object_get(record->config, "healthcheck"), "Test");
	const char *first = json_string_value(json_array_get(test, 0));
	if (!first || strcmp(first, "NONE") == 0)
		return "none";
	cleanup_close int run_folder = -1;
	cleanup_json json_t *health = NULL;
	struct error ignored = {0};
	if (container_open_run_folder(engine->store, record->id, false, &run_folder, &ignored) < 0)
		run_folder = -1;
	const char *status = health_read(run_folder, &health, &ignored) < 0 ? NULL : health_text(health);
	for (size_t i = 0; status && i < ARRAY_SIZE(statuses); i++)
		if (strcmp(status, statuses[i]) == 0)
			return statuses[i];
	return STATUS_STARTING;
}

static json_t *time_json(nanoseconds time)
{
	char text[TIME_TEXT_SIZE];
	time_format_rfc3339(time, text);
	return json_string(text);
}

/* Docker's rules: a failure within the start period does not count until the container has been healthy once. */
static void judge(json_t *health, const struct health_settings *settings, const struct probe_result *result,
		  nanoseconds started)
{
	const char *status = health_text(health);
	json_int_t streak = json_integer_value(json_object_get(health, "FailingStreak"));
	if (result->exit_code == 0) {
		streak = 0;
		status = STATUS_HEALTHY;
	} else if (strcmp(status, STATUS_STARTING) != 0 || result->start - started >= settings->start_period) {
		streak++;
		if (streak >= settings->retries)
			status = STATUS_UNHEALTHY;
	}
	json_object_set_new(health, "FailingStreak", json_integer(streak));
	json_object_set_new(health, "Status", json_string(status));
}

static void add_entry(json_t *health, const struct probe_result *result)
{
	json_t *log = json_object_get(health, "Log");
	json_t *output = json_string(result->output);
	while (json_array_size(log) >= LOG_ENTRIES)
		json_array_remove(log, 0);
	json_array_append_new(log, json_pack("{s:o, s:o, s:i, s:o}", "Start", time_json(result->start), "End",
					     time_json(result->end), "ExitCode", result->exit_code, "Output",
					     output ? output : json_string("(not UTF-8)")));
}

/* The word on a run that has ended meanwhile is not written: it would be taken for the next one's. */
static int record(struct engine *engine, const struct container_record *container, int run_folder,
		  const struct monitor_status *began, const struct health_settings *settings,
		  const struct probe_result *result, bool *ret_is_starting, struct error *err)
{
	struct monitor_status now;
	cleanup_json json_t *health = NULL;
	if (monitor_status_read(run_folder, &now, err) < 0)
		return -1;
	if (now.state != MONITOR_RUNNING || now.pid != began->pid || now.started != began->started)
		return 0;
	if (health_read(run_folder, &health, err) < 0)
		return -1;
	cleanup_free char *before = duplicate_string(health_text(health));
	judge(health, settings, result, began->started);
	add_entry(health, result);
	*ret_is_starting = strcmp(health_text(health), STATUS_STARTING) == 0 &&
			   time_now() - began->started < settings->start_period;
	if (strcmp(health_text(health), before) != 0) {
		cleanup_free char *action = format_string("health_status: %s", health_text(health));
		event_container(engine, container, action, NULL);
	}
	cleanup_free char *text = json_text(health);
	return atomic_file_write(run_folder, "health", text, strlen(text), 0600, ATOMIC_FILE_REPLACEABLE, err);
}

int container_probe(struct engine *engine, const char *id, bool *ret_is_starting, struct error *err)
{
	cleanup_container_record struct container_record container = {0};
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	struct container_state state;
	struct health_settings settings;
	struct monitor_status began;
	cleanup_close int run_folder = -1;
	CLEANUP(probe_result_release) struct probe_result result = {0};
	*ret_is_starting = false;
	if (container_state_find(engine, id, &container, &state, err) < 0 ||
	    container_config_from_json(container.config, &config, err) < 0 ||
	    health_settings_read(&config, &settings, err) < 0)
		return -1;
	if (!settings.is_set || state.status != CONTAINER_RUNNING || state.is_paused)
		return 0;
	if (container_open_run_folder(engine->store, container.id, false, &run_folder, err) < 0 ||
	    monitor_status_read(run_folder, &began, err) < 0 ||
	    probe_run(engine, container.id, run_folder, &config, settings.timeout, &result, err) < 0)
		return -1;
	return record(engine, &container, run_folder, &began, &settings, &result, ret_is_starting, err);
}
