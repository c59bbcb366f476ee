#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/journal_export.h"

static void an_entry_is_taken(void **state)
{
	static const char text[] = "__CURSOR=c1\n__REALTIME_TIMESTAMP=1234567\nPRIORITY=3\nMESSAGE\n"
				   "\7\0\0\0\0\0\0\0one\ntwo\nCONTAINER_PARTIAL_MESSAGE=true\n\nMESSAGE=next";
	struct journal_entry entry;
	size_t used, whole = sizeof text - 1 - strlen("MESSAGE=next");
	assert_int_equal(journal_entry_parse(text, sizeof text - 1, &entry, &used), JOURNAL_ENTRY);
	assert_int_equal(used, whole);
	assert_int_equal(entry.message_size, 7);
	assert_memory_equal(entry.message, "one\ntwo", 7);
	assert_memory_equal(entry.cursor, "c1", entry.cursor_size);
	assert_int_equal(entry.time, 1234567000);
	assert_true(entry.is_error && entry.is_part);
	/* Less of it is none yet, wherever it ends. */
	for (size_t size = 0; size < whole; size++)
		assert_int_equal(journal_entry_parse(text, size, &entry, &used), JOURNAL_MORE);
}

static void what_is_missing_is_missing(void **state)
{
	struct journal_entry entry;
	size_t used;
	static const char text[] = "\n\nPRIORITY=6\n__REALTIME_TIMESTAMP=12x\nMESSAGE=\n\n";
	assert_int_equal(journal_entry_parse(text, sizeof text - 1, &entry, &used), JOURNAL_ENTRY);
	assert_int_equal(used, sizeof text - 1);
	assert_int_equal(entry.message_size, 0);
	assert_null(entry.cursor);
	assert_int_equal(entry.time, 0);
	assert_false(entry.is_error || entry.is_part);
}

static void garbage_is_refused(void **state)
{
	struct journal_entry entry;
	size_t used;
	static const char no_name[] = "=x\n\n", no_end[] = "MESSAGE\n\1\0\0\0\0\0\0\0xx\n\n",
			  huge[] = "MESSAGE\n\377\377\377\377\377\377\377\377xx\n\n";
	assert_int_equal(journal_entry_parse(no_name, sizeof no_name - 1, &entry, &used), JOURNAL_INVALID);
	assert_int_equal(journal_entry_parse(no_end, sizeof no_end - 1, &entry, &used), JOURNAL_INVALID);
	assert_int_equal(journal_entry_parse(huge, sizeof huge - 1, &entry, &used), JOURNAL_MORE);
}

int main(int count, char **arguments)
{
	if (count > 2)
		cmocka_set_test_filter(arguments[2]);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_is_taken),
		cmocka_unit_test(what_is_missing_is_missing),
		cmocka_unit_test(garbage_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
