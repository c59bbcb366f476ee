#include "monitor/journal_export.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "monitor/journal.h"

/* A field, and what is behind it. */
struct field {
	const char *name, *value, *next;
	size_t name_size, value_size;
};

static enum journal_parse take_field(const char *at, const char *end, struct field *ret_field)
{
	uint64_t size;
	const char *line_end = memchr(at, '\n', (size_t)(end - at));
	if (!line_end)
		return JOURNAL_MORE;
	const char *equals = memchr(at, '=', (size_t)(line_end - at));
	if (equals == at)
		return JOURNAL_INVALID;
	if (equals) {
		*ret_field = (struct field){at, equals + 1, line_end + 1, (size_t)(equals - at),
					    (size_t)(line_end - equals - 1)};
		return JOURNAL_ENTRY;
	}
	/* A name alone: the size in eight bytes, the value, a newline. */
	if ((size_t)(end - line_end - 1) < sizeof size)
		return JOURNAL_MORE;
	memcpy(&size, line_end + 1, sizeof size);
	size = le64toh(size);
	const char *value = line_end + 1 + sizeof size;
	if ((uint64_t)(end - value) <= size)
		return JOURNAL_MORE;
	if (value[size] != '\n')
		return JOURNAL_INVALID;
	*ret_field = (struct field){at, value, value + size + 1, (size_t)(line_end - at), (size_t)size};
	return JOURNAL_ENTRY;
}

static bool field_is(const struct field *field, const char *name)
{
	return field->name_size == strlen(name) && memcmp(field->name, name, field->name_size) == 0;
}

/* Microseconds; what is no number is no time. */
static nanoseconds take_time(const struct field *field)
{
	int64_t number = 0;
	for (size_t i = 0; i < field->value_size; i++) {
		char digit = field->value[i];
		if (digit < '0' || digit > '9' || number > INT64_MAX / 10000 - 10)
			return 0;
		number = number * 10 + (digit - '0');
	}
	return number * 1000;
}

static void use_field(const struct field *field, struct journal_entry *entry)
{
	if (field_is(field, "MESSAGE")) {
		entry->message = field->value;
		entry->message_size = field->value_size;
	} else if (field_is(field, "__CURSOR")) {
		entry->cursor = field->value;
		entry->cursor_size = field->value_size;
	} else if (field_is(field, "__REALTIME_TIMESTAMP")) {
		entry->time = take_time(field);
	} else if (field_is(field, "PRIORITY")) {
		entry->is_error = field->value_size == 1 && field->value[0] == '3';
	} else if (field_is(field, JOURNAL_PARTIAL)) {
		entry->is_part = field->value_size == 4 && memcmp(field->value, "true", 4) == 0;
	}
}

enum journal_parse journal_entry_parse(const char *bytes, size_t size, struct journal_entry *ret_entry,
				       size_t *ret_used)
{
	struct journal_entry entry = {0};
	const char *end = bytes + size;
	/* Empty lines are between entries. */
	const char *at = bytes;
	while (at < end && *at == '\n')
		at++;
	while (at < end && *at != '\n') {
		struct field field;
		enum journal_parse result = take_field(at, end, &field);
		if (result != JOURNAL_ENTRY)
			return result;
		use_field(&field, &entry);
		at = field.next;
	}
	if (at >= end)
		return JOURNAL_MORE;
	*ret_entry = entry;
	*ret_used = (size_t)(at + 1 - bytes);
	return JOURNAL_ENTRY;
}
