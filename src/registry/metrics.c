#include "registry/metrics.h"

#include <inttypes.h>
#include <stddef.h>

#include "base/buffer.h"

#define TEXT_LIMIT ((size_t)16 * 1024)

char *metrics_text(const struct metrics *metrics)
{
	static const char *const classes[] = {"aborted", "1xx", "2xx", "3xx", "4xx", "5xx"};
	const struct {
		const char *name;
		const char *help;
		uint64_t value;
	} counters[] = {
		{"received_bytes_total", "Bytes of request bodies", metrics->bytes_received},
		{"sent_bytes_total", "Bytes of response bodies", metrics->bytes_sent},
		{"authentication_failures_total", "Credentials that were wrong", metrics->authentication_failures},
		{"blobs_committed_total", "Blobs that were pushed", metrics->blobs_committed},
		{"manifests_put_total", "Manifests that were pushed", metrics->manifests_put},
		{"manifest_cache_hits_total", "Manifests served from memory", metrics->manifest_cache_hits},
		{"manifest_cache_misses_total", "Manifests read from disk", metrics->manifest_cache_misses},
	};
	cleanup_buffer struct buffer text = BUFFER_INIT(TEXT_LIMIT);
	buffer_append_string(&text,
			     "# HELP coracle_registry_requests_total Requests by class of status\n"
			     "# TYPE coracle_registry_requests_total counter\n",
			     NULL);
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		buffer_append_format(&text, NULL, "coracle_registry_requests_total{status=\"%s\"} %" PRIu64 "\n",
				     classes[i], (uint64_t)metrics->requests[i]);
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		buffer_append_format(&text, NULL,
				     "# HELP coracle_registry_%s %s\n# TYPE coracle_registry_%s counter\n"
				     "coracle_registry_%s %" PRIu64 "\n",
				     counters[i].name, counters[i].help, counters[i].name, counters[i].name,
				     counters[i].value);
	buffer_append_format(&text, NULL,
			     "# HELP coracle_registry_requests_in_flight Requests being served\n"
			     "# TYPE coracle_registry_requests_in_flight gauge\n"
			     "coracle_registry_requests_in_flight %d\n",
			     metrics->in_flight);
	return buffer_steal(&text);
}
