/* What pull, push and login share: a request to coracle-transfer and how its progress is told. */
#pragma once

#include "base/json.h"
#include "engine/engine.h"
#include "oci/reference.h"

/* `layer` is told each change of one layer: its 12 digits, Docker's word for what it does, bytes done and in all. */
struct transfer_progress {
	struct engine_report report;
	void (*layer)(void *context, const char *id, const char *status, int64_t current, int64_t total);
	void *context;
};

/* For a command that will ask a registry: starts the program for it while the engine is opened (transfer/client.h). */
void registry_request_prepare(void);

/* {"operation":…,"root":…,"domain":…,"path":…,"tag":…}, owned by the caller. */
json_t *registry_request_new(struct engine *engine, const char *operation, const struct reference *reference);
/* Sends it and waits for the "done" object, owned by the caller. progress may be NULL. */
int registry_request_send(const json_t *request, const struct transfer_progress *progress, json_t **ret_done,
			  struct error *err);
/* A member of an answer that must be a digest. */
int registry_answer_digest(const json_t *answer, const char *name, struct digest *ret_digest, struct error *err);
