#include "monitor/log_record.h"

#include <string.h>

static const char *take_time(const char *line, size_t size, size_t *ret_size)
{
	/* From "2026-11-24T03:04:05Z" to nine digits and an offset. */
	size_t length = strnlen(line, size < 36 ? size : 36);
	const char *end = memchr(line, ' ', length);
	if (!end || end - line < 20)
		return NULL;
	for (const char *at = line; at < end; at++)
		if ((*at < '0' || *at > ':') && !memchr("TZ.+-", *at, 5))
			return NULL;
	*ret_size = (size_t)(end - line);
	return end + 1;
}

bool log_record_parse(const char *line, size_t size, struct log_record *ret_record)
{
	struct log_record record = {.time = line};
	const char *end = line + size;
	const char *at = take_time(line, size, &record.time_size);
	/* "stdout F" at least */
	if (!at || end - at < 8)
		return false;
	if (memcmp(at, "stdout ", 7) == 0)
		record.source = LOG_FROM_STDOUT;
	else if (memcmp(at, "stderr ", 7) == 0)
		record.source = LOG_FROM_STDERR;
	else
		return false;
	at += 7;
	if (*at != 'F' && *at != 'P')
		return false;
	record.is_full = *at++ == 'F';
	/* More tags may follow, behind colons. */
	const char *limit = end - line > LOG_HEAD_LIMIT ? line + LOG_HEAD_LIMIT : end;
	if (at < end && *at == ':')
		while (at < limit && *at != ' ')
			at++;
	if (at < end && *at++ != ' ')
		return false;
	record.text = at;
	record.size = (size_t)(end - at);
	*ret_record = record;
	return true;
}
