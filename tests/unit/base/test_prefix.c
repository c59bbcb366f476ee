/* Subnets: parsing, holding, touching, counting; hardware addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/prefix.h"

static struct prefix of(const char *text)
{
	struct prefix prefix = {0};
	assert_true(prefix_parse(text, &prefix));
	return prefix;
}

static void parses(void **state)
{
	static const char *const good[] = {"0.0.0.0/0", "10.1.2.3/32", "fd00::/64", "::/0", "fd00:1:2::9/128"};
	static const char *const bad[] = {
		"",	      "/",	   "10.0.0.0", "10.0.0.0/",   "10.0.0.0/33",   "10.0.0.0/-1", "10.0.0/8",
		"fd00::/129", "fd00::/+1", "a/8",      "10.0.0.0/8x", "10.0.0.0/0000", "fd00::/ 8",   " 10.0.0.0/8"};
	char text[PREFIX_TEXT_SIZE];
	struct prefix prefix;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		prefix = of(good[i]);
		prefix_format(&prefix, text);
		assert_string_equal(text, good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(prefix_parse(bad[i], &prefix));
}

static void holds_and_touches(void **state)
{
	static const struct {
		const char *a, *b;
		bool holds, touches;
	} cases[] = {
		{"10.0.0.0/8", "10.255.0.0/16", true, true},  {"10.255.0.0/16", "10.0.0.0/8", false, true},
		{"10.0.0.0/9", "10.128.0.0/9", false, false}, {"0.0.0.0/0", "1.2.3.4/32", true, true},
		{"fd00::/64", "fd00::1/128", true, true},     {"fd00::/64", "fd00:0:0:1::/64", false, false},
		{"0.0.0.0/0", "::/0", false, false},	      {"10.0.0.0/31", "10.0.0.1/32", true, true},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix a = of(cases[i].a), b = of(cases[i].b), none = {0};
		assert_int_equal(prefix_contains(&a, &b), cases[i].holds);
		assert_int_equal(prefix_touches(&a, &b), cases[i].touches);
		assert_int_equal(prefix_touches(&b, &a), cases[i].touches);
		assert_false(prefix_touches(&a, &none) || prefix_touches(&none, &none));
	}
	struct prefix prefix = of("10.1.2.3/20");
	assert_false(prefix_is_masked(&prefix));
	prefix_mask(&prefix);
	assert_true(prefix_is_masked(&prefix));
	assert_int_equal(prefix.bytes[2], 0);
}

static void counts(void **state)
{
	static const struct {
		const char *subnet;
		unsigned int offset;
		const char *address;
	} cases[] = {{"10.0.0.0/8", 1, "10.0.0.1"},	     {"10.0.0.0/8", 256, "10.0.1.0"},
		     {"10.0.255.0/24", 255, "10.0.255.255"}, {"fd00::/64", 65536, "fd00::1:0"},
		     {"fd00::ff00/120", 255, "fd00::ffff"},  {"10.0.0.0/8", 0xffffff, "10.255.255.255"}};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[PREFIX_TEXT_SIZE];
		struct prefix subnet = of(cases[i].subnet), address = prefix_address_at(&subnet, cases[i].offset);
		prefix_format_address(&address, text);
		assert_string_equal(text, cases[i].address);
	}
}

static void reads_hardware_addresses(void **state)
{
	static const char *const bad[] = {"",
					  "02:42",
					  "02:42:00:00:00:0",
					  "02:42:00:00:00:000",
					  "03:42:00:00:00:01",
					  "00:00:00:00:00:00",
					  "0x:42:00:00:00:01",
					  "02:42:00:00:00:01:",
					  "024200000001"};
	unsigned char bytes[6];
	char text[HARDWARE_TEXT_SIZE];
	assert_true(hardware_address_parse("02-42-AC-11-00-02", bytes));
	hardware_address_format(bytes, text);
	assert_string_equal(text, "02:42:ac:11:00:02");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(hardware_address_parse(bad[i], bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(holds_and_touches),
		cmocka_unit_test(counts),
		cmocka_unit_test(reads_hardware_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
