#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "build/lexer.h"

static struct dockerfile_lines lex(const char *text)
{
	struct dockerfile_lines lines = {0};
	struct error err = {0};
	struct dockerfile_place place;
	if (dockerfile_lex(text, strlen(text), &lines, &place, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	return lines;
}

static void test_joined_lines(void **state)
{
	static const struct {
		const char *text;
		const char *line;
		unsigned first, last;
	} cases[] = {
		{"RUN a", "RUN a", 1, 1},
		{"  RUN a  \n", "RUN a", 1, 1},
		{"\n# comment\nRUN a\r\n", "RUN a", 3, 3},
		{"RUN a \\\n  b", "RUN a   b", 1, 2},
		{"RUN a\\\nb", "RUN ab", 1, 2},
		{"RUN a \\  \n b", "RUN a  b", 1, 2},
		{"RUN a \\\n# comment\n\n b", "RUN a  b", 1, 4},
		{"RUN a \\\n  # indented comment\n b", "RUN a  b", 1, 3},
		{"RUN a \\\\\nRUN b", "RUN a \\\\", 1, 1},
		{"RUN a \\", "RUN a", 1, 1},
		{"# escape=`\nRUN a `\nb", "RUN a b", 2, 3},
		{"#escape = `\nRUN a\\\nRUN b", "RUN a\\", 2, 2},
		{"# note\n# escape=`\nRUN a `\nRUN b", "RUN a `", 3, 3},
		{"# unknown=x\n# escape=`\nRUN a `\nRUN b", "RUN a `", 3, 3},
		{"# syntax=docker/dockerfile:1\n# escape=`\nRUN a `\nb", "RUN a b", 3, 4},
		{"\xef\xbb\xbfRUN a", "RUN a", 1, 1},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_dockerfile_lines struct dockerfile_lines lines = lex(cases[i].text);
		assert_string_equal(lines.items[0].text, cases[i].line);
		assert_int_equal(lines.items[0].first_line, cases[i].first);
		assert_int_equal(lines.items[0].last_line, cases[i].last);
	}
}

static void test_heredocs(void **state)
{
	cleanup_dockerfile_lines struct dockerfile_lines lines =
		lex("RUN <<EOF\necho 1\n# kept\nEOF\nCOPY <<-'A' <<B /x/\n\tone\n\tA\n$two\nB\nRUN echo \"<<NO\" "
		    "$((1<<2))\n"
		    "RUN [\"<<NO\"]\nENV A=<<NO\nONBUILD RUN cat <<EOF\nhi\nEOF\n");
	assert_int_equal(lines.count, 6);
	assert_int_equal(lines.items[0].heredoc_count, 1);
	assert_string_equal(lines.items[0].heredocs[0].name, "EOF");
	assert_string_equal(lines.items[0].heredocs[0].content, "echo 1\n# kept\n");
	assert_true(lines.items[0].heredocs[0].expand);
	assert_int_equal(lines.items[0].last_line, 4);
	assert_int_equal(lines.items[1].heredoc_count, 2);
	assert_string_equal(lines.items[1].heredocs[0].content, "one\n");
	assert_false(lines.items[1].heredocs[0].expand);
	assert_string_equal(lines.items[1].heredocs[1].content, "$two\n");
	assert_true(lines.items[1].heredocs[1].expand);
	for (size_t i = 2; i < 5; i++)
		assert_int_equal(lines.items[i].heredoc_count, 0);
	assert_int_equal(lines.items[5].heredoc_count, 1);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{"", "the Dockerfile cannot be empty"},
		{"# only\n\n", "file with no instructions"},
		{"# escape=x\nRUN a", "invalid escape token 'x' does not match ` or \\"},
		{"# escape=`\n# escape=`\nRUN a", "only one escape parser directive can be used"},
		{"RUN <<EOF\nabc", "unterminated heredoc"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dockerfile_lines lines;
		struct error err = {0};
		struct dockerfile_place place;
		assert_int_equal(dockerfile_lex(cases[i].text, strlen(cases[i].text), &lines, &place, &err), -1);
		assert_string_equal(err.message, cases[i].message);
	}
	struct dockerfile_lines lines;
	struct error err = {0};
	struct dockerfile_place place;
	assert_int_equal(dockerfile_lex("RUN a\0b", 7, &lines, &place, &err), -1);
	assert_int_equal(err.kind, ERROR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joined_lines),
		cmocka_unit_test(test_heredocs),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
