#include "transfer/progress.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "transfer/cancel.h"
#include "transfer/error_kind.h"
#include "transfer/protocol.h"

#define TELL_INTERVAL (NANOSECONDS_PER_SECOND / 10)

static pthread_mutex_t line_lock = PTHREAD_MUTEX_INITIALIZER;

static int write_line(json_t *event, struct error *err)
{
	cleanup_free char *text = json_text(event);
	cleanup_free char *line = format_string("%s\n", text);
	pthread_mutex_lock(&line_lock);
	int outcome = write_full(TRANSFER_ANSWER_FD, line, strlen(line), err);
	pthread_mutex_unlock(&line_lock);
	return outcome;
}

void progress_init(struct progress *progress, const struct digest *digest)
{
	*progress = (struct progress){0};
	snprintf(progress->id, sizeof progress->id, "%.12s", digest_hex(digest));
}

static void tell(const struct progress *progress, const char *status, uint64_t current, uint64_t total)
{
	cleanup_json json_t *event =
		json_pack("{s:s, s:s, s:s}", "event", "layer", "id", progress->id, "status", status);
	if (total > 0) {
		json_object_set_new(event, "current", json_integer((json_int_t)current));
		json_object_set_new(event, "total", json_integer((json_int_t)total));
	}
	/* Nobody listens any more: the engine is gone. */
	if (write_line(event, NULL) < 0)
		cancel_request();
}

void progress_tell(struct progress *progress, const char *status, uint64_t current, uint64_t total)
{
	nanoseconds now = time_monotonic();
	bool changed = !progress->status || strcmp(progress->status, status) != 0;
	if (!changed && now - progress->told < TELL_INTERVAL)
		return;
	progress->status = status;
	progress->told = now;
	tell(progress, status, current, total);
}

void progress_tell_mounted(struct progress *progress, const char *repository)
{
	cleanup_free char *status = format_string("Mounted from %s", repository);
	progress->status = "Mounted";
	tell(progress, status, 0, 0);
}

int progress_done(json_t *done, struct error *err)
{
	cleanup_json json_t *event = done;
	json_object_set_new(event, "event", json_string("done"));
	return write_line(event, err);
}

void progress_error(const struct error *failure)
{
	json_t *message = json_string(failure->message);
	if (!message) /* not UTF-8: text of the other side that was cut in the middle of a character */
		message = json_string("the registry gave an error that is not valid UTF-8");
	cleanup_json json_t *event = json_pack("{s:s, s:s, s:o}", "event", "error", "kind",
					       error_kind_name(failure->kind), "message", message);
	write_line(event, NULL);
}
