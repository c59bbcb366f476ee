/*
 * Health checks: HEALTHCHECK of an image, --health-* of `run`.
 *
 * A container's monitor has a timer and, when it ends, starts `coracle container probe ID`, which is
 * container_probe(): it runs the check in the container as `exec` does, and writes what came of it into `health` in the
 * run folder, in the form of Docker's State.Health. One probe at a time; the monitor arms the timer again when it has
 * ended. A paused container is not probed.
 */
#pragma once

#include "engine/container_config.h"
#include "engine/engine.h"
#include "store/container.h"

/* How a container is to be probed, with Docker's defaults. */
struct health_settings {
	bool is_set; /* there is a check, and it is not NONE */
	nanoseconds interval, timeout, start_period, start_interval;
	int64_t retries;
};
int health_settings_read(const struct container_config *config, struct health_settings *ret_settings,
			 struct error *err);

/*
 * What the options say, in the form of an image's config; *ret_check is owned, NULL where nothing was said. `command`
 * may be NULL; spans and retries of 0 are not said. Docker's messages.
 */
struct health_options {
	const char *command;
	const char *interval, *timeout, *start_period, *start_interval; /* Go's durations, or NULL */
	int64_t retries;
	bool none;
};
int health_options_apply(const struct health_options *options, json_t **ret_check, struct error *err);

/* State.Health of a container with a check, owned: {"Status", "FailingStreak", "Log"}. run_folder -1: starting. */
int health_read(int run_folder_fd, json_t **ret_health, struct error *err);

/* "starting", "healthy", "unhealthy", or "none" where it has no check; static. */
const char *health_status(struct engine *engine, const struct container_record *record);

/* Probes once. *ret_is_starting: within the start period and not healthy yet, so that the next one comes sooner. */
int container_probe(struct engine *engine, const char *id, bool *ret_is_starting, struct error *err);
