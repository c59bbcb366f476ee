#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "build/instruction.h"
#include "build/stages.h"
#include "build/words.h"

static struct dockerfile parse(const char *text)
{
	struct dockerfile dockerfile = {0};
	struct error err = {0};
	unsigned first, last;
	if (dockerfile_parse(text, strlen(text), &dockerfile, &first, &last, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	return dockerfile;
}

static void test_arguments(void **state)
{
	static const struct {
		const char *line;
		enum instruction_kind kind;
		bool is_exec_form;
		const char *arguments; /* joined with | */
	} cases[] = {
		{"RUN echo  \"a b\" && c", INSTRUCTION_RUN, false, "echo  \"a b\" && c"},
		{"run [\"a\", \"b c\"]", INSTRUCTION_RUN, true, "a|b c"},
		{"RUN ['a', 'b']", INSTRUCTION_RUN, false, "['a', 'b']"},
		{"RUN [ -f x ] || y", INSTRUCTION_RUN, false, "[ -f x ] || y"},
		{"RUN --network=default --security=sandbox x", INSTRUCTION_RUN, false, "x"},
		{"CMD []", INSTRUCTION_CMD, true, ""},
		{"CMD python app.py 30001", INSTRUCTION_CMD, false, "python app.py 30001"},
		{"ENTRYPOINT [\"/s2\"]", INSTRUCTION_ENTRYPOINT, true, "/s2"},
		{"COPY a b  c/", INSTRUCTION_COPY, false, "a|b|c/"},
		{"COPY [\"a b\", \"c\"]", INSTRUCTION_COPY, false, "a b|c"},
		{"ADD --chown=1:2 x y", INSTRUCTION_ADD, false, "x|y"},
		{"WORKDIR /a b", INSTRUCTION_WORKDIR, false, "/a b"},
		{"EXPOSE 80 443/udp", INSTRUCTION_EXPOSE, false, "443/udp|80"},
		{"VOLUME /a /b", INSTRUCTION_VOLUME, false, "/a|/b"},
		{"VOLUME [\"/a b\"]", INSTRUCTION_VOLUME, false, "/a b"},
		{"SHELL [\"/bin/bash\", \"-c\"]", INSTRUCTION_SHELL, true, "/bin/bash|-c"},
		{"ONBUILD RUN make", INSTRUCTION_ONBUILD, false, "RUN make"},
		{"MAINTAINER A <a@b>", INSTRUCTION_MAINTAINER, false, "A <a@b>"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *text = format_string("FROM x\n%s\n", cases[i].line);
		cleanup_dockerfile struct dockerfile dockerfile = parse(text);
		cleanup_free char *joined = string_list_join(&dockerfile.items[1].arguments, "|");
		assert_int_equal(dockerfile.items[1].kind, cases[i].kind);
		assert_int_equal(dockerfile.items[1].is_exec_form, cases[i].is_exec_form);
		assert_string_equal(joined, cases[i].arguments);
	}
}

static void test_pairs_and_flags(void **state)
{
	cleanup_dockerfile struct dockerfile dockerfile = parse(
		"ARG V=1\nFROM --platform=linux/amd64 x AS Build\nENV a=1 b=\"two words\" c=x\\ y\nENV old the rest\n"
		"ARG X Y=z\nCOPY --from=build --chown=u:g --chmod=644 a b\n"
		"HEALTHCHECK --interval=1m30s --retries=3 CMD curl x\n");
	assert_string_equal(dockerfile.items[1].stage_name, "build");
	assert_string_equal(dockerfile.items[1].platform, "linux/amd64");
	assert_int_equal(dockerfile.items[2].pair_count, 3);
	assert_string_equal(dockerfile.items[2].pairs[1].value, "\"two words\"");
	assert_string_equal(dockerfile.items[2].pairs[2].value, "x\\ y");
	assert_string_equal(dockerfile.items[3].pairs[0].value, "the rest");
	assert_null(dockerfile.items[4].pairs[0].value);
	assert_string_equal(dockerfile.items[4].pairs[1].value, "z");
	assert_string_equal(dockerfile.items[5].from, "build");
	assert_string_equal(dockerfile.items[5].chown, "u:g");
	assert_string_equal(dockerfile.items[5].chmod, "644");
	cleanup_free char *check = json_text(dockerfile.items[6].healthcheck);
	assert_string_equal(check, "{\"Test\":[\"CMD-SHELL\",\"curl x\"],\"Interval\":90000000000,\"Retries\":3}");
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		const char *message; /* behind "dockerfile parse error on line N: " */
		unsigned line;
		bool is_form; /* the message names no line */
	} cases[] = {
		{"FORM x", "unknown instruction: FORM (did you mean FROM?)", 1},
		{"FROM x\nRUNN y", "unknown instruction: RUNN (did you mean RUN?)", 2},
		{"FROM x\nFROBNICATE y", "unknown instruction: FROBNICATE", 2},
		{"RUN x", "no build stage in current context", 1, true},
		{"ARG x", "dockerfile contains no stages to build", 0, true},
		{"FROM", "FROM requires either one or three arguments", 1},
		{"FROM a b", "FROM requires either one or three arguments", 1},
		{"FROM a as 1b",
		 "invalid name for build stage: \"1b\", name can't start with a number or contain symbols", 1},
		{"FROM x\n\nRUN", "RUN requires at least one argument", 3},
		{"FROM x\nCOPY a",
		 "COPY requires at least two arguments, but only one was provided. Destination could not be determined",
		 2},
		{"FROM x\nCOPY --frm=a b c", "unknown flag: --frm (did you mean from?)", 2},
		{"FROM x\nCOPY --from b c", "missing a value on flag: --from", 2},
		{"FROM x\nCOPY --from=a --from=b b c", "duplicate flag specified: --from", 2},
		{"FROM x\nENV a", "ENV must have two arguments", 2, true},
		{"FROM x\nENV a=b c", "Syntax error - can't find = in \"c\". Must be of the form: name=value", 2, true},
		{"FROM x\nENV =b", "ENV names can not be blank", 2},
		{"FROM x\nWORKDIR", "WORKDIR requires exactly one argument", 2},
		{"FROM x\nSHELL /bin/sh", "SHELL requires the arguments to be in JSON form", 2},
		{"FROM x\nVOLUME [\"\"]", "VOLUME specified can not be an empty string", 2},
		{"FROM x\nCMD [\"a\", 1]", "when using JSON array syntax, arrays must be comprised of strings only", 2,
		 true},
		{"FROM x\nHEALTHCHECK FOO", "Unknown type \"FOO\" in HEALTHCHECK (try CMD)", 2},
		{"FROM x\nHEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments", 2},
		{"FROM x\nHEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD", 2},
		{"FROM x\nHEALTHCHECK --interval=1us CMD x", "Interval \"interval\" cannot be less than 1ms", 2},
		{"FROM x\nHEALTHCHECK --interval=1x CMD x", "time: unknown unit \"x\" in duration \"1x\"", 2},
		{"FROM x\nONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", 2},
		{"FROM x\nONBUILD FROM y", "FROM isn't allowed as an ONBUILD trigger", 2},
		{"FROM x\nONBUILD RUNN y", "unknown instruction: RUNN (did you mean RUN?)", 2},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dockerfile dockerfile;
		struct error err = {0};
		unsigned first, last;
		assert_int_equal(
			dockerfile_parse(cases[i].text, strlen(cases[i].text), &dockerfile, &first, &last, &err), -1);
		cleanup_free char *expected = cases[i].is_form ? duplicate_string(cases[i].message)
							       : format_string("dockerfile parse error on line %u: %s",
									       cases[i].line, cases[i].message);
		assert_string_equal(err.message, expected);
		assert_int_equal(first, cases[i].line);
	}
	struct dockerfile dockerfile;
	struct error err = {0};
	unsigned first, last;
	static const char mount[] = "FROM x\nRUN --mount=from=$STAGE,target=/x make";
	assert_int_equal(dockerfile_parse(mount, strlen(mount), &dockerfile, &first, &last, &err), -1);
	assert_int_equal(err.kind, ERROR_INVALID);
}

static void test_stages(void **state)
{
	cleanup_dockerfile struct dockerfile dockerfile =
		parse("ARG BASE=debian\nARG TAG=${BASE}-x\nFROM $BASE:$TAG AS one\nRUN a\nFROM scratch AS two\n"
		      "COPY --from=one a b\nFROM one AS three\nRUN b\nFROM two\nCOPY --from=0 x y\n");
	struct string_list given = {0}, consumed = {0};
	string_list_add(&given, "BASE=alpine");
	struct error err = {0};
	const struct instruction *culprit;
	cleanup_stage_graph struct stage_graph graph = {0};
	assert_int_equal(
		stage_graph_build(&dockerfile, &given, &(struct stage_options){0}, &consumed, &graph, &culprit, &err),
		0);
	assert_int_equal(graph.count, 4);
	assert_string_equal(graph.stages[0].base_name, "alpine:alpine-x");
	assert_int_equal(graph.stages[1].base, STAGE_BASE_SCRATCH);
	assert_int_equal(graph.stages[2].base, STAGE_BASE_STAGE);
	assert_int_equal(graph.stages[3].base_stage, 1);
	assert_true(graph.stages[0].needed && graph.stages[1].needed && graph.stages[3].needed);
	assert_false(graph.stages[2].needed);
	assert_true(string_list_contains(&consumed, "BASE"));
	assert_int_equal(stage_find(&graph, "TWO", 4), 1);
	assert_int_equal(stage_find(&graph, "2", 4), 2);
	assert_int_equal(stage_find(&graph, "two", 1), -1);
	struct stage_graph other;
	assert_int_equal(stage_graph_build(&dockerfile, &given, &(struct stage_options){.target = "thre"}, &consumed,
					   &other, &culprit, &err),
			 -1);
	assert_string_equal(err.message, "target stage \"thre\" could not be found (did you mean three?)");
	string_list_release(&given);
	string_list_release(&consumed);
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		long long span;
	} cases[] = {
		{"1s", 1000000000LL},
		{"1m30s", 90000000000LL},
		{"500ms", 500000000LL},
		{"1.5h", 5400000000000LL},
		{"0", 0},
		{"1h2m3s4ms", 3723004000000LL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		long long span = -1;
		assert_int_equal(words_parse_duration(cases[i].text, &span, NULL), 0);
		assert_int_equal(span, cases[i].span);
	}
	static const char *const wrong[] = {"", "1", "s", "1.2.3s", "1d", "-", "99999999999999999999h"};
	long long span;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(words_parse_duration(wrong[i], &span, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments), cmocka_unit_test(test_pairs_and_flags),
		cmocka_unit_test(test_refused),	  cmocka_unit_test(test_stages),
		cmocka_unit_test(test_durations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
