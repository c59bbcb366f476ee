/* What is not of the distribution specification: the front page, health, counters; and its smallest part, /v2/. */
#include "registry/handlers.h"
#include "registry/response.h"

static const char home_page[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	"<meta name=\"viewport\" content=\"width=device-width\"><title>Coracle registry</title>"
	"<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:3em auto;padding:0 1em}"
	"pre{background:#8882;padding:1em;overflow:auto}</style></head><body>\n"
	"<h1>Coracle registry</h1>\n"
	"<p>This host keeps container images. It speaks the OCI distribution protocol under <code>/v2/</code>.</p>\n"
	"<p>To log in, take a personal access token, which the registry's keeper makes with "
	"<code>coracle-registry token create --user REGID --scope read,write</code>:</p>\n"
	"<pre>cat token.txt | coracle login HOST -u REGID --password-stdin\n"
	"coracle push HOST/REGID/IMAGE:TAG\ncoracle pull HOST/REGID/IMAGE:TAG</pre>\n"
	"<p>HOST is this page's address without <code>http://</code>. <code>docker</code>, <code>podman</code> and "
	"<code>skopeo</code> take the same.</p>\n</body></html>\n";

int page_home(struct request *request, struct error *err)
{
	response_constant(request, "text/html; charset=utf-8", home_page);
	response_header(request, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
	return 0;
}

int page_health(struct request *request, struct error *err)
{
	/* The database answers, or this fails. */
	cleanup_query struct query query = {0};
	if (query_begin(&query, request->registry->database, err, "SELECT 1 FROM repository LIMIT 1", "") < 0 ||
	    database_step(query.statement, err) < 0)
		return -1;
	response_constant(request, "text/plain", "ok\n");
	return 0;
}

int page_metrics(struct request *request, struct error *err)
{
	response_text(request, 200, "text/plain; version=0.0.4", metrics_text(&request->registry->metrics));
	return 0;
}

int api_version(struct request *request, struct error *err)
{
	response_constant(request, "application/json", "{}");
	return 0;
}
