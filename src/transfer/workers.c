#include "transfer/workers.h"

#include <pthread.h>

#include "transfer/cancel.h"
#include "transfer/http.h"
#include "transfer/thread.h"

struct crew {
	pthread_mutex_t lock;
	size_t next;
	size_t count;
	int (*work)(void *context, size_t index, struct http *http, struct error *err);
	void *context;
	bool failed;
	struct error failure;
};

static void crew_fail(struct crew *crew, const struct error *why)
{
	pthread_mutex_lock(&crew->lock);
	/* Who was stopped because another failed is not why. */
	if (!crew->failed || (crew->failure.kind == ERROR_CANCELLED && why->kind != ERROR_CANCELLED)) {
		crew->failed = true;
		crew->failure = *why;
	}
	pthread_mutex_unlock(&crew->lock);
	cancel_request();
}

static void crew_work(struct crew *crew, struct http *http)
{
	for (;;) {
		pthread_mutex_lock(&crew->lock);
		size_t index = crew->next;
		if (index < crew->count)
			crew->next++;
		pthread_mutex_unlock(&crew->lock);
		if (index >= crew->count)
			return;
		struct error err = {0};
		int outcome = cancel_is_requested() ? cancel_error(&err) : crew->work(crew->context, index, http, &err);
		if (outcome < 0) {
			crew_fail(crew, &err);
			return;
		}
	}
}

static void *thread_main(void *context)
{
	struct crew *crew = context;
	struct error err = {0};
	struct http *http = NULL;
	if (http_new(&http, &err) < 0) {
		crew_fail(crew, &err);
		return NULL;
	}
	crew_work(crew, http);
	http_free(http);
	return NULL;
}

int workers_run(size_t count, struct http *http,
		int (*work)(void *context, size_t index, struct http *http, struct error *err), void *context,
		struct error *err)
{
	struct crew crew = {.count = count, .work = work, .context = context};
	pthread_mutex_init(&crew.lock, NULL);
	pthread_t threads[WORKERS_MAX - 1];
	size_t started = 0;
	/* A thread that cannot be started is done without. */
	while (started < WORKERS_MAX - 1 && started + 1 < count && thread_start(&threads[started], thread_main, &crew))
		started++;
	crew_work(&crew, http);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_destroy(&crew.lock);
	if (crew.failed) {
		cancel_withdraw(); /* all have stopped; the same may be tried with another registry */
		if (err)
			*err = crew.failure;
		return -1;
	}
	return 0;
}
