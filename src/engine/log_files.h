/*
 * A container's log on disk (monitor/log_files.h) from the engine's side: opened for a start, compressed while the
 * container runs, opened for a reader.
 */
#pragma once

#include "engine/container_config.h"
#include "engine/engine.h"
#include "engine/log_options.h"
#include "monitor/start.h"

#define LOG_FOLDER "logs"

/* What a start gives to its monitor. Owned descriptors; -1 where there is no log. */
struct log_plan {
	int fd, folder_fd;
	int journal_fd; /* the fields of its entries (log_journal.h), where output goes to the journal */
	struct log_settings settings;
	int64_t number;
};
#define LOG_PLAN_INIT ((struct log_plan){.fd = -1, .folder_fd = -1, .journal_fd = -1})
void log_plan_release(struct log_plan *plan);

/* Makes the folder and the file; ends what a killed monitor has begun. *plan is LOG_PLAN_INIT before. */
int log_plan_open(int container_folder, const struct container_record *record, const struct container_config *config,
		  struct log_plan *plan, struct error *err);
void log_plan_apply(const struct log_plan *plan, struct monitor_options *options);

/*
 * Replaces each file that is full by its gzip form, with the time of its last record. The form gets its name when it is
 * whole, so that several of these, or kills, do no harm.
 */
int container_compress_log(struct engine *engine, const char *id, struct error *err);
