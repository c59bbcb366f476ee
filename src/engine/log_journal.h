/* --log-driver journald: what a container's entries have in common, with Docker's field names, and how they are read.
 */
#pragma once

#include "engine/container_config.h"
#include "monitor/log_reader.h"
#include "store/container.h"

/*
 * A nameless file of the fields for monitor/journal.h: CONTAINER_ID, CONTAINER_ID_FULL, CONTAINER_NAME, CONTAINER_TAG,
 * IMAGE_NAME, SYSLOG_IDENTIFIER, and what labels and env choose. Owned. ERROR_UNSUPPORTED where no journal listens.
 */
int log_journal_fields(const struct container_config *config, const struct container_record *record, int *ret_fd,
		       struct error *err);

/* `logs` by journalctl, which is run for it. ERROR_UNSUPPORTED where there is none. As log_read(). */
int log_journal_read(const char *id, int run_folder_fd, const struct log_query *query, struct error *err);
