#include <errno.h>
#include <string.h>

#include "transfer/cancel.h"
#include "transfer/http_exchange.h"
#include "transfer/location.h"

static int untrusted(const struct http_exchange *exchange, const char *method, const char *why, struct error *err)
{
	cleanup_free char *advice = trust_advice(exchange->authority);
	return error_set(
		err, ERROR_INVALID,
		"%s \"%s\": the certificate of %s is not trusted: %s. If the registry is yours, put its CA certificate "
		"into %s",
		method, exchange->response.url, exchange->authority, why, advice);
}

static int explain_failure(const struct http_exchange *exchange, const char *method, struct error *err)
{
	const char *url = exchange->response.url;
	const char *host = exchange->authority;
	const char *why = exchange->explanation[0] ? exchange->explanation : curl_easy_strerror(exchange->result);
	switch (exchange->result) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		return untrusted(exchange, method, why, err);
	case CURLE_SSL_CERTPROBLEM:
		return error_set(err, ERROR_INVALID, "%s \"%s\": the client certificate for %s cannot be used: %s",
				 method, url, host, why);
	case CURLE_COULDNT_RESOLVE_HOST:
		return error_set(err, ERROR_NETWORK,
				 "%s \"%s\": the host %s is not known: %s. Check the spelling and the network", method,
				 url, host, why);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return error_set(err, ERROR_NETWORK, "%s \"%s\": the proxy is not known: %s. Check HTTPS_PROXY", method,
				 url, why);
	case CURLE_COULDNT_CONNECT:
		return error_set(err, ERROR_NETWORK, "%s \"%s\": cannot connect to %s: %s. Is the %s running there?",
				 method, url, host, why, location_plain_is_allowed() ? "server" : "registry");
	case CURLE_SSL_CONNECT_ERROR:
		return error_set(err, ERROR_NETWORK,
				 "%s \"%s\": %s does not speak TLS as it should: %s. Plain http is never tried instead",
				 method, url, host, why);
	case CURLE_OPERATION_TIMEDOUT:
		return error_set(err, ERROR_NETWORK, "%s \"%s\": %s does not answer in time: %s", method, url, host,
				 why);
	default:
		return error_set(err, ERROR_NETWORK, "%s \"%s\": %s", method, url, why);
	}
}

int http_failure(const struct http_exchange *exchange, const char *method, struct error *err)
{
	const char *url = exchange->response.url;
	if (cancel_is_requested())
		return cancel_error(err);
	if (exchange->callback_error.kind != ERROR_NONE) {
		if (err)
			*err = exchange->callback_error;
		return error_wrap(err, "%s \"%s\"", method, url);
	}
	if (exchange->result == CURLE_COULDNT_RESOLVE_HOST || exchange->result == CURLE_COULDNT_RESOLVE_PROXY ||
	    exchange->result == CURLE_COULDNT_CONNECT) {
		explain_failure(exchange, method, err);
		if (err)
			err->system_errno = ECONNREFUSED;
		return -1;
	}
	return explain_failure(exchange, method, err);
}
