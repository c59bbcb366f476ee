/*
 * Lines of a log. Beyond the sanitizers: all that a record tells lies in its line, its text at the line's end; and of a
 * record's head alone the same comes out.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "monitor/log_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_line(const char *text, size_t size)
{
	cleanup_free char *line = malloc(size ? size : 1);
	struct log_record record, head;
	require(line != NULL);
	memcpy(line, text, size);
	if (!log_record_parse(line, size, &record))
		return;
	require(record.time == line && record.time_size <= size);
	require(record.text >= line && record.text + record.size == line + size);
	size_t head_size = size < LOG_HEAD_LIMIT ? size : LOG_HEAD_LIMIT;
	if ((size_t)(record.text - line) <= head_size)
		require(log_record_parse(line, head_size, &head) && head.source == record.source &&
			head.is_full == record.is_full && head.text == record.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const char *at = (const char *)bytes, *end = at + size;
	for (const char *newline; at < end && (newline = memchr(at, '\n', (size_t)(end - at))); at = newline + 1)
		check_line(at, (size_t)(newline - at));
	check_line(at, (size_t)(end - at));
	return 0;
}
