/* options_parse: Docker's ways of writing options, and its words when they are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli/options.h"

struct parsed {
	bool detach, interactive, terminal, help;
	const char *name;
	struct string_list ports, filters;
	int64_t timeout, memory;
	int count;
	char *words[16];
	int result;
	struct error err;
};

static void parse(struct parsed *parsed, enum options_order order, const char *line)
{
	*parsed = (struct parsed){.timeout = 10};
	const struct option options[] = {
		OPTION_FLAG('d', "detach", &parsed->detach, ""),
		OPTION_FLAG('i', "interactive", &parsed->interactive, ""),
		OPTION_FLAG('t', "tty", &parsed->terminal, ""),
		OPTION_STRING('n', "name", &parsed->name, "string", ""),
		OPTION_LIST('p', "publish", &parsed->ports, "list", ""),
		OPTION_FILTERS('f', "filter", &parsed->filters, ""),
		OPTION_INTEGER(0, "time", &parsed->timeout, "int", ""),
		OPTION_BYTES('m', "memory", &parsed->memory, ""),
		OPTION_END,
	};
	static char text[256];
	snprintf(text, sizeof text, "%s", line);
	char *rest = text;
	for (char *word; (word = strsep(&rest, " "));)
		parsed->words[parsed->count++] = word;
	parsed->result = options_parse(options, order, &parsed->count, parsed->words, &parsed->help, &parsed->err);
}

static void all_ways_of_writing_are_taken(void **state)
{
	struct parsed parsed;
	parse(&parsed, OPTIONS_ANYWHERE, "-it --name=a -p 1:2 -p3:4 image -d --time 5 -m 512m --publish=5");
	assert_int_equal(parsed.result, 0);
	assert_true(parsed.interactive && parsed.terminal && parsed.detach);
	assert_string_equal(parsed.name, "a");
	assert_int_equal(parsed.ports.count, 3);
	assert_string_equal(parsed.ports.items[1], "3:4");
	assert_int_equal(parsed.timeout, 5);
	assert_int_equal(parsed.memory, 512 << 20);
	assert_int_equal(parsed.count, 1);
	assert_string_equal(parsed.words[0], "image");
	string_list_release(&parsed.ports);
}

static void the_commands_own_options_are_left_alone(void **state)
{
	struct parsed parsed;
	parse(&parsed, OPTIONS_BEFORE_FIRST, "-d image -i --name x");
	assert_int_equal(parsed.result, 0);
	assert_true(parsed.detach && !parsed.interactive);
	assert_int_equal(parsed.count, 4);
	assert_string_equal(parsed.words[3], "x");
}

static void two_dashes_end_the_options(void **state)
{
	struct parsed parsed;
	parse(&parsed, OPTIONS_ANYWHERE, "-d -- -i - --name");
	assert_int_equal(parsed.count, 3);
	assert_false(parsed.interactive);
}

static void flags_can_be_said_to_be_false(void **state)
{
	struct parsed parsed;
	parse(&parsed, OPTIONS_ANYWHERE, "--detach --detach=false");
	assert_int_equal(parsed.result, 0);
	assert_false(parsed.detach);
}

static void errors_are_dockers(void **state)
{
	static const struct {
		const char *line, *message;
	} cases[] = {
		{"--nope", "unknown flag: --nope"},
		{"--nope=3", "unknown flag: --nope"},
		{"-dx", "unknown shorthand flag: 'x' in -dx"},
		{"--name", "flag needs an argument: --name"},
		{"-dn", "flag needs an argument: 'n' in -dn"},
		{"--time five", "invalid argument \"five\" for \"--time\" flag: not a whole number"},
		{"--time 99999999999999999999",
		 "invalid argument \"99999999999999999999\" for \"--time\" flag: not a whole number"},
		{"-m 12q", "invalid argument \"12q\" for \"-m, --memory\" flag: not a size such as 512m"},
		{"-m -5", "invalid argument \"-5\" for \"-m, --memory\" flag: not a size such as 512m"},
		{"-f dangling", "invalid argument \"dangling\" for \"-f, --filter\" flag: bad format of filter "
				"(expected name=value)"},
		{"--detach=perhaps", "invalid argument \"perhaps\" for \"-d, --detach\" flag: not true or false"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct parsed parsed;
		parse(&parsed, OPTIONS_ANYWHERE, cases[i].line);
		assert_int_equal(parsed.result, -1);
		assert_int_equal(parsed.err.kind, ERROR_USAGE);
		assert_string_equal(parsed.err.message, cases[i].message);
	}
}

static void filters_are_names_and_values(void **state)
{
	struct parsed parsed;
	parse(&parsed, OPTIONS_ANYWHERE, "-f Label=A=B --filter=\tdangling\t=\ttrue --filter= -fname=");
	assert_int_equal(parsed.result, 0);
	assert_int_equal(parsed.filters.count, 3);
	assert_string_equal(parsed.filters.items[0], "label=A=B");
	assert_string_equal(parsed.filters.items[1], "dangling=true");
	assert_string_equal(parsed.filters.items[2], "name=");
	string_list_release(&parsed.filters);
}

static void sizes_are_powers_of_1024(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} cases[] = {{"0", 0},	       {"100b", 100},	  {"1k", 1024},	   {"1.5g", 1610612736},
		     {"64KiB", 65536}, {"2T", 2LL << 40}, {"7mb", 7 << 20}};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char line[64];
		struct parsed parsed;
		snprintf(line, sizeof line, "-m %s", cases[i].text);
		parse(&parsed, OPTIONS_ANYWHERE, line);
		assert_int_equal(parsed.result, 0);
		assert_int_equal(parsed.memory, cases[i].bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_ways_of_writing_are_taken),
		cmocka_unit_test(the_commands_own_options_are_left_alone),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(flags_can_be_said_to_be_false),
		cmocka_unit_test(errors_are_dockers),
		cmocka_unit_test(sizes_are_powers_of_1024),
		cmocka_unit_test(filters_are_names_and_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
