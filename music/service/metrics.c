#include "metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "other"};
static const unsigned statuses[] = {200, 400, 403, 404, 405, 411, 413, 415, 500, 503, 507};
static const double bounds[] = {0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5};
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct counters {
	atomic_ullong requests[COUNT_OF(methods)][COUNT_OF(statuses)];
	atomic_ullong durations[COUNT_OF(bounds) + 1];
	atomic_ullong nanoseconds;
	struct counters *next;
};

static _Thread_local struct counters *mine;
static struct counters *_Atomic all; /* never freed: threads live as long as the service */

static struct counters *my_counters(void)
{
	if (!mine) {
		mine = calloc(1, sizeof *mine);
		if (!mine)
			abort();
		mine->next = all;
		while (!atomic_compare_exchange_weak(&all, &mine->next, mine))
			;
	}
	return mine;
}

static void add(atomic_ullong *counter, unsigned long long number)
{
	/* One thread writes it. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + number,
			      memory_order_relaxed);
}

void metrics_count(const char *method, unsigned status, int64_t nanoseconds)
{
	struct counters *counters = my_counters();
	size_t i = 0, j = 0, k = 0;
	while (i < COUNT_OF(methods) - 1 && strcmp(methods[i], method) != 0)
		i++;
	while (j < COUNT_OF(statuses) - 1 && statuses[j] != status)
		j++;
	while (k < COUNT_OF(bounds) && (double)nanoseconds > bounds[k] * 1e9)
		k++;
	add(&counters->requests[i][j], 1);
	add(&counters->durations[k], 1);
	add(&counters->nanoseconds, (unsigned long long)nanoseconds);
}

static void describe(struct builder *builder, const char *name, const char *type, const char *help)
{
	builder_add_format(builder, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_requests(struct builder *builder)
{
	describe(builder, "music_requests_total", "counter", "Requests answered.");
	for (size_t i = 0; i < COUNT_OF(methods); i++)
		for (size_t j = 0; j < COUNT_OF(statuses); j++) {
			unsigned long long sum = 0;
			for (struct counters *counters = all; counters; counters = counters->next)
				sum += counters->requests[i][j];
			if (sum)
				builder_add_format(builder, "music_requests_total{method=\"%s\",status=\"%u\"} %llu\n",
						   methods[i], statuses[j], sum);
		}
}

static void add_durations(struct builder *builder)
{
	unsigned long long sum = 0, nanoseconds = 0;
	describe(builder, "music_request_duration_seconds", "histogram",
		 "From a request's headers to the end of its answer.");
	for (size_t k = 0; k <= COUNT_OF(bounds); k++) {
		for (struct counters *counters = all; counters; counters = counters->next)
			sum += counters->durations[k];
		if (k < COUNT_OF(bounds))
			builder_add_format(builder, "music_request_duration_seconds_bucket{le=\"%g\"} %llu\n",
					   bounds[k], sum);
	}
	for (struct counters *counters = all; counters; counters = counters->next)
		nanoseconds += counters->nanoseconds;
	builder_add_format(builder,
			   "music_request_duration_seconds_bucket{le=\"+Inf\"} %llu\n"
			   "music_request_duration_seconds_sum %.9f\nmusic_request_duration_seconds_count %llu\n",
			   sum, (double)nanoseconds / 1e9, sum);
}

static long resident_bytes(void)
{
	char line[128] = "";
	FILE *file = fopen("/proc/self/statm", "re");
	if (!file)
		return 0;
	char *end = fgets(line, sizeof line, file) ? strchr(line, ' ') : NULL;
	fclose(file);
	return end ? strtol(end, NULL, 10) * sysconf(_SC_PAGESIZE) : 0;
}

struct text *metrics_text(struct songs *songs)
{
	struct builder builder = {0};
	add_requests(&builder);
	add_durations(&builder);
	long count = songs_count(songs);
	if (count >= 0) {
		describe(&builder, "music_songs", "gauge", "Songs in the list.");
		builder_add_format(&builder, "music_songs{kept_in=\"%s\"} %ld\n", songs->kept_in, count);
	}
	describe(&builder, "process_resident_memory_bytes", "gauge", "Resident memory.");
	builder_add_format(&builder, "process_resident_memory_bytes %ld\n", resident_bytes());
	return text_of_builder(&builder);
}
