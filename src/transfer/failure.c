#include "transfer/failure.h"

#include <string.h>

#include "base/json.h"

#define FAILURE_DOCUMENT_LIMIT ((size_t)64 * 1024)
#define FAILURE_TEXT_LIMIT     ((size_t)600)

static enum error_kind kind_of_status(int status)
{
	switch (status) {
	case 401:
		return ERROR_UNAUTHORIZED;
	case 403:
		return ERROR_DENIED;
	case 404:
		return ERROR_NOT_FOUND;
	case 413:
		return ERROR_LIMIT;
	case 408:
	case 429:
		return ERROR_NETWORK;
	default:
		return status >= 500 ? ERROR_NETWORK : ERROR_INVALID;
	}
}

char *failure_clean(const char *text)
{
	size_t size = strlen(text);
	if (size > FAILURE_TEXT_LIMIT) {
		size = FAILURE_TEXT_LIMIT;
		while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
			size--;
	}
	char *copy = duplicate_bytes(text, size);
	for (unsigned char *at = (unsigned char *)copy; *at; at++) {
		if (*at < 0x20 || *at == 0x7f)
			*at = ' ';
		else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) /* C1 controls */
			at[0] = at[1] = ' ';
	}
	return copy;
}

static char *spoken_code(const char *code)
{
	char *text = failure_clean(code);
	for (char *at = text; *at; at++) {
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
		else if (*at == '_')
			*at = ' ';
	}
	return text;
}

/* The first of {"errors":[{"code":…,"message":…}]}; token services also answer {"details":…} or {"message":…}. */
static int read_document(const struct buffer *bytes, const char **ret_code, const char **ret_message,
			 json_t **ret_document)
{
	if (json_parse(buffer_text(bytes), bytes->size, ret_document, NULL) < 0)
		return -1;
	json_t *errors = json_object_get(*ret_document, "errors");
	const json_t *first = json_is_array(errors) ? json_array_get(errors, 0) : NULL;
	if (first) {
		json_get_string(first, "code", ret_code, NULL);
		json_get_string(first, "message", ret_message, NULL);
	} else if (json_is_object(*ret_document)) {
		json_get_string(*ret_document, "message", ret_message, NULL);
		if (!*ret_message)
			json_get_string(*ret_document, "details", ret_message, NULL);
	}
	return *ret_code || *ret_message ? 0 : -1;
}

/* Docker shows the registry's words, "toomanyrequests: …"; what to do is said behind them. */
static int rate_limited(const struct http_response *response, const char *message, struct error *err)
{
	cleanup_free char *text = failure_clean(*message ? message : "too many requests");
	cleanup_free char *when = response->retry_after ? format_string("in %u seconds", response->retry_after)
							: duplicate_string("later");
	return error_set(err, ERROR_NETWORK,
			 "toomanyrequests: %s (the registry limits how much it is asked; try again %s, or sign in with "
			 "'coracle login', which often raises the limit)",
			 text, when);
}

int failure_of_answer(struct http_exchange *exchange, char ret_code[FAILURE_CODE_SIZE], struct error *err)
{
	const struct http_response *response = http_response(exchange);
	enum error_kind kind = kind_of_status(response->status);
	cleanup_buffer struct buffer bytes = {0};
	cleanup_json json_t *document = NULL;
	const char *code = NULL;
	const char *message = NULL;
	if (ret_code)
		ret_code[0] = '\0';
	if (http_read_all(exchange, FAILURE_DOCUMENT_LIMIT, &bytes, NULL) < 0 || bytes.size == 0 ||
	    read_document(&bytes, &code, &message, &document) < 0) {
		if (response->status == 429)
			return rate_limited(response, "", err);
		if (response->status == 401)
			return error_set(err, kind, "unauthorized: authentication required");
		return error_set(err, kind, "unexpected status %d from %.300s", response->status, response->url);
	}
	if (ret_code && code)
		snprintf(ret_code, FAILURE_CODE_SIZE, "%s", code);
	if (response->status == 429)
		return rate_limited(response, message ? message : "", err);
	cleanup_free char *spoken = spoken_code(code ? code : response->status == 401 ? "unauthorized" : "");
	cleanup_free char *text = failure_clean(message && *message ? message : spoken);
	if (!*spoken)
		return error_set(err, kind, "%s (status %d)", text, response->status);
	return error_set(err, kind, "%s: %s", spoken, text);
}
