#include "transfer/location.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/string_list.h"

struct parts {
	CURLU *url;
	char *scheme;
	char *host;
	char *port;
};

static void parts_release(struct parts *parts)
{
	curl_free(parts->scheme);
	curl_free(parts->host);
	curl_free(parts->port);
	curl_url_cleanup(parts->url);
}
#define cleanup_parts CLEANUP(parts_release)

static int refuse(const char *url, const char *why, struct error *err)
{
	/* %.200s: a URL is text of the other side. */
	return error_set(err, ERROR_DENIED, "refuse to ask %.200s: %s", url, why);
}

static int parts_read(struct parts *parts, struct error *err)
{
	if (curl_url_get(parts->url, CURLUPART_SCHEME, &parts->scheme, 0) != CURLUE_OK ||
	    curl_url_get(parts->url, CURLUPART_HOST, &parts->host, 0) != CURLUE_OK ||
	    curl_url_get(parts->url, CURLUPART_PORT, &parts->port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return error_set(err, ERROR_INVALID, "a URL without a host");
	return 0;
}

static int parts_parse(const char *text, struct parts *ret_parts, struct error *err)
{
	struct parts parts = {.url = curl_url()};
	CURLUcode code = curl_url_set(parts.url, CURLUPART_URL, text, CURLU_DISALLOW_USER);
	if (code != CURLUE_OK) {
		parts_release(&parts);
		return error_set(err, ERROR_INVALID, "not a URL (%s): %.200s", curl_url_strerror(code), text);
	}
	if (parts_read(&parts, err) < 0) {
		parts_release(&parts);
		return -1;
	}
	*ret_parts = parts;
	return 0;
}

bool location_host_is_loopback(const char *host)
{
	if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 || strcmp(host, "::1") == 0)
		return true;
	struct in_addr address;
	return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

bool location_authority_is_loopback(const char *authority)
{
	cleanup_free char *host = duplicate_string(authority);
	char *colon = strrchr(host, ':');
	const char *bracket = strchr(host, ']');
	if (colon && (!bracket || colon > bracket))
		*colon = '\0';
	return location_host_is_loopback(host);
}

static pthread_mutex_t insecure_lock = PTHREAD_MUTEX_INITIALIZER;
static struct string_list insecure_authorities;

void location_allow_insecure(const char *authority)
{
	pthread_mutex_lock(&insecure_lock);
	string_list_add_once(&insecure_authorities, authority);
	pthread_mutex_unlock(&insecure_lock);
}

bool location_is_insecure(const char *authority)
{
	pthread_mutex_lock(&insecure_lock);
	bool is_insecure = string_list_contains(&insecure_authorities, authority);
	pthread_mutex_unlock(&insecure_lock);
	return is_insecure;
}

static atomic_bool plain_is_allowed;

void location_allow_plain(void)
{
	atomic_store(&plain_is_allowed, true);
}

bool location_plain_is_allowed(void)
{
	return atomic_load(&plain_is_allowed);
}

/* "host", or "host:port" where the port is not the scheme's own. */
static char *parts_authority(const struct parts *parts)
{
	bool own_port = strcmp(parts->port, strcmp(parts->scheme, "https") == 0 ? "443" : "80") == 0;
	return own_port ? duplicate_string(parts->host) : format_string("%s:%s", parts->host, parts->port);
}

static int parts_check(const struct parts *parts, const char *text, struct error *err)
{
	if (strcmp(parts->scheme, "https") == 0)
		return 0;
	if (strcmp(parts->scheme, "http") != 0)
		return refuse(text,
			      location_plain_is_allowed() ? "only http and https are spoken" : "registries speak https",
			      err);
	cleanup_free char *authority = parts_authority(parts);
	if (!location_host_is_loopback(parts->host) && !location_is_insecure(authority) && !location_plain_is_allowed())
		return refuse(text,
			      "plain http is for registries on this machine only, others need https, or to be called "
			      "insecure in registries.conf",
			      err);
	return 0;
}

int location_check(const char *url, struct error *err)
{
	cleanup_parts struct parts parts = {0};
	if (parts_parse(url, &parts, err) < 0)
		return -1;
	return parts_check(&parts, url, err);
}

static int parts_text(const struct parts *parts, char **ret_url, struct error *err)
{
	char *text = NULL;
	CURLUcode code = curl_url_get(parts->url, CURLUPART_URL, &text, 0);
	if (code != CURLUE_OK)
		return error_set(err, ERROR_INVALID, "not a URL: %s", curl_url_strerror(code));
	*ret_url = duplicate_string(text);
	curl_free(text);
	return 0;
}

int location_join(const char *base, const char *reference, char **ret_url, struct error *err)
{
	for (const char *at = reference; *at; at++)
		if ((unsigned char)*at <= 0x20 || *at == 0x7f)
			return error_set(err, ERROR_INVALID,
					 "the registry's Location header holds a space or control character");
	cleanup_parts struct parts from = {0};
	if (parts_parse(base, &from, err) < 0)
		return -1;
	cleanup_parts struct parts to = {.url = curl_url_dup(from.url)};
	CURLUcode code = curl_url_set(to.url, CURLUPART_URL, reference, CURLU_DISALLOW_USER);
	if (code != CURLUE_OK)
		return error_set(err, ERROR_INVALID, "the registry's Location header is not a URL (%s): %.200s",
				 curl_url_strerror(code), reference);
	if (parts_read(&to, err) < 0 || parts_check(&to, reference, err) < 0)
		return -1;
	if (strcmp(from.scheme, "https") == 0 && strcmp(to.scheme, "https") != 0)
		return refuse(reference, "it would leave https for plain http", err);
	return parts_text(&to, ret_url, err);
}

int location_add_query(const char *url, const char *name, const char *value, char **ret_url, struct error *err)
{
	cleanup_parts struct parts parts = {0};
	if (parts_parse(url, &parts, err) < 0)
		return -1;
	cleanup_free char *pair = format_string("%s=%s", name, value);
	CURLUcode code = curl_url_set(parts.url, CURLUPART_QUERY, pair, CURLU_APPENDQUERY | CURLU_URLENCODE);
	if (code != CURLUE_OK)
		return error_set(err, ERROR_INVALID, "add %s to a URL: %s", name, curl_url_strerror(code));
	return parts_text(&parts, ret_url, err);
}

bool location_same_origin(const char *a, const char *b)
{
	cleanup_parts struct parts left = {0};
	cleanup_parts struct parts right = {0};
	if (parts_parse(a, &left, NULL) < 0 || parts_parse(b, &right, NULL) < 0)
		return false;
	return strcmp(left.scheme, right.scheme) == 0 && strcasecmp(left.host, right.host) == 0 &&
	       strcmp(left.port, right.port) == 0;
}

char *location_authority(const char *url)
{
	cleanup_parts struct parts parts = {0};
	if (parts_parse(url, &parts, NULL) < 0)
		return NULL;
	return parts_authority(&parts);
}
