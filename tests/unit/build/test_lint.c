/* The build checks: a Dockerfile, and the warnings that it gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "build/lint.h"

/* The one base image that is here. */
static bool find_base(void *context, const struct build_stage *stage, struct image_config *ret_config)
{
	const char *name = stage->base_name;
	if (strcmp(name, "known") != 0 && strcmp(name, "shell") != 0 && strcmp(name, "broken") != 0)
		return false;
	string_list_add(&ret_config->environment, "FROM_BASE=1");
	string_list_add(&ret_config->on_build, "ENV TRIGGERED=1");
	if (strcmp(name, "broken") == 0)
		string_list_add(&ret_config->on_build, "STOPSIGNAL NOPE");
	if (strcmp(name, "shell") == 0)
		string_list_add(&ret_config->shell, "/bin/bash");
	return true;
}

struct request {
	const char *dockerfile, *ignore, *argument, *target;
	bool needed_only;
};

/* All warnings, one a line, sorted; or "error: …". Owned by the caller. */
static char *check(const struct request *request)
{
	cleanup_dockerfile struct dockerfile dockerfile = {0};
	cleanup_stage_graph struct stage_graph graph = {0};
	cleanup_ignore_list struct ignore_list ignore = {0};
	cleanup_string_list struct string_list arguments = {0}, consumed = {0}, lines = {0};
	struct error err = {0};
	unsigned first, last;
	const struct instruction *culprit;
	const char *text = request->dockerfile;
	if (dockerfile_parse(text, strlen(text), &dockerfile, &first, &last, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	if (request->argument)
		string_list_add(&arguments, request->argument);
	if (request->ignore)
		assert_int_equal(ignore_parse(request->ignore, strlen(request->ignore), &ignore, &err), 0);
	cleanup_lint struct lint lint = {
		.dockerfile = &dockerfile,
		.build_arguments = &arguments,
		.ignore = &ignore,
		.all_stages = !request->needed_only,
		.find_base = find_base,
	};
	int result = lint_begin(&lint, &err);
	if (result == 0)
		result = stage_graph_build(&dockerfile, &arguments, &(struct stage_options){.target = request->target},
					   &consumed, &graph, &culprit, &err);
	if (result == 0)
		result = lint_stages(&lint, &graph, &culprit, &err);
	lint_sort(&lint);
	for (size_t i = 0; i < lint.count; i++)
		string_list_take(&lines, lint_short_text(&lint.warnings[i]));
	if (result == 0)
		result = lint_failure(&lint, &err);
	if (result < 0)
		string_list_add_format(&lines, "error: %s", err.message);
	return string_list_join(&lines, "\n");
}

static void expect(const struct request *request, const char *expected)
{
	cleanup_free char *got = check(request);
	if (strcmp(got, expected) != 0)
		fail_msg("%s\nwanted: %s\ngot: %s", request->dockerfile, expected, got);
}

struct lint_case {
	const char *dockerfile, *warnings;
};

static void expect_all(const struct lint_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		expect(&(struct request){.dockerfile = cases[i].dockerfile}, cases[i].warnings);
}

static void names_of_stages(void **state)
{
	static const struct lint_case cases[] = {
		{"FROM scratch AS one\nFROM scratch AS two\n", ""},
		{"FROM scratch AS One\n", "StageNameCasing: Stage name 'One' should be lowercase (line 1)"},
		{"FROM scratch as one\n", "FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1)"},
		{"from scratch AS one\n", "FromAsCasing: 'AS' and 'from' keywords' casing do not match (line 1)"},
		{"from scratch as one\n", ""},
		{"FROM scratch AS one\nFROM scratch AS One\n",
		 "DuplicateStageName: Duplicate stage name \"one\", stage names should be unique (line 2)\n"
		 "StageNameCasing: Stage name 'One' should be lowercase (line 2)"},
		{"FROM scratch AS context\nFROM scratch AS scratch\n",
		 "ReservedStageName: Stage name should not use the same name as reserved stage \"context\" (line 1)\n"
		 "ReservedStageName: Stage name should not use the same name as reserved stage \"scratch\" (line 2)"},
	};
	expect_all(cases, ARRAY_SIZE(cases));
}

static void casing_of_instructions(void **state)
{
	static const struct lint_case cases[] = {
		{"FROM scratch\nCOPY a /\nRUN x\n", ""},
		{"from scratch\ncopy a /\nrun x\n", ""},
		{"arg X=1\nFROM scratch\nCOPY a /\n", ""},
		{"FROM scratch\ncopy a /\nCOPY b /\n", "ConsistentInstructionCasing: Command 'copy' should match the "
						       "case of the command majority (uppercase) "
						       "(line 2)"},
		{"from scratch\nCOPY a /\ncopy b /\n", "ConsistentInstructionCasing: Command 'COPY' should match the "
						       "case of the command majority (lowercase) "
						       "(line 2)"},
		{"From scratch as one\n", "ConsistentInstructionCasing: Command 'From' should match the case of the "
					  "command majority (uppercase) "
					  "(line 1)"},
	};
	expect_all(cases, ARRAY_SIZE(cases));
}

static void old_forms(void **state)
{
	static const struct lint_case cases[] = {
		{"FROM scratch\nRUN a \\\n  b\n", ""},
		{"FROM scratch\nRUN a \\\n# a comment\n  b\n", ""},
		{"FROM scratch\nRUN a \\\n\n  b\n", "NoEmptyContinuation: Empty continuation line (line 4)"},
		{"FROM scratch\nRUN <<EOF \\\n \t\n cat\n\nEOF\n",
		 "NoEmptyContinuation: Empty continuation line (line 4)"},
		{"FROM scratch\nRUN <<EOF\n\nx\nEOF\n", ""},
		{"FROM scratch\nLABEL org.opencontainers.image.authors=\"me\"\n", ""},
		{"FROM scratch\nMAINTAINER me\n",
		 "MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label (line 2)"},
		{"FROM scratch\nENV A=1 B=2\nLABEL \"c d\"=e\n", ""},
		{"FROM scratch\nENV A 1\nLABEL B 2 = 3\n",
		 "LegacyKeyValueFormat: \"ENV key=value\" should be used instead of legacy \"ENV key value\" format "
		 "(line 2)\n"
		 "LegacyKeyValueFormat: \"LABEL key=value\" should be used instead of legacy \"LABEL key value\" "
		 "format "
		 "(line 3)"},
	};
	expect_all(cases, ARRAY_SIZE(cases));
}

static void commands(void **state)
{
	static const struct lint_case cases[] = {
		{"FROM scratch\nCMD [\"x\"]\nENTRYPOINT [\"y\"]\n", ""},
		{"FROM scratch\nHEALTHCHECK CMD x\n", ""},
		{"FROM scratch\nCMD x\n",
		 "JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS "
		 "signals (line 2)"},
		{"from scratch\nentrypoint x\n", "JSONArgsRecommended: JSON arguments recommended for entrypoint to "
						 "prevent unintended behavior related "
						 "to OS signals (line 2)"},
		{"FROM scratch\nSHELL [\"/bin/bash\", \"-c\"]\nCMD x\n", ""},
		{"FROM shell\nCMD x\n", ""},
		{"FROM scratch\nCMD [\"x\"]\nCMD [\"y\"]\nFROM scratch\nCMD [\"z\"]\n",
		 "MultipleInstructionsDisallowed: Multiple CMD instructions should not be used in the same stage "
		 "because "
		 "only the last one will be used (line 2)"},
		{"FROM scratch\nENTRYPOINT [\"x\"]\nENTRYPOINT [\"y\"]\nHEALTHCHECK NONE\nHEALTHCHECK CMD x\n",
		 "MultipleInstructionsDisallowed: Multiple ENTRYPOINT instructions should not be used in the same "
		 "stage "
		 "because only the last one will be used (line 2)\n"
		 "MultipleInstructionsDisallowed: Multiple HEALTHCHECK instructions should not be used in the same "
		 "stage "
		 "because only the last one will be used (line 4)"},
	};
	expect_all(cases, ARRAY_SIZE(cases));
}

static void bases(void **state)
{
	static const struct lint_case cases[] = {
		{"ARG V=1\nFROM alpine:$V\n", ""},
		{"ARG V\nFROM alpine:${V:-3}\n", ""},
		{"FROM alpine:${V:-3}\n", "UndefinedArgInFrom: FROM argument 'V' is not declared (line 1)"},
		{"ARG VERSION=1\nFROM alpine:a$VERSIO\n",
		 "UndefinedArgInFrom: FROM argument 'VERSIO' is not declared (did you mean VERSION?) (line 2)"},
		{"FROM --platform=$BUILDPLATFORM scratch\n", ""},
		{"FROM --platform=${TARGETPLATFORM} scratch\n",
		 "RedundantTargetPlatform: Setting platform to predefined ${TARGETPLATFORM} in FROM is redundant as "
		 "this "
		 "is the default behavior (line 1)"},
		{"FROM --platform=$TARGETPLATFROM scratch\n",
		 "UndefinedArgInFrom: FROM argument 'TARGETPLATFROM' is not declared (did you mean TARGETPLATFORM?) "
		 "(line 1)\n"
		 "error: empty platform value from expression $TARGETPLATFROM"},
		{"FROM --platform=linux/amd64 scratch\n",
		 "FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value \"linux/amd64\" "
		 "(line 1)"},
		{"FROM --platform=linux/amd64 scratch AS build_amd64\n", ""},
		{"FROM --platform=linux/arm64 scratch AS linux-stage\n", ""},
	};
	expect_all(cases, ARRAY_SIZE(cases));
	/* The default is judged, whatever is given. */
	expect(&(struct request){.dockerfile = "ARG V\nFROM alpine:$V\n", .argument = "V=3"},
	       "InvalidDefaultArgInFrom: Default value for ARG alpine:$V results in empty or invalid base image name "
	       "(line 2)");
	expect(&(struct request){.dockerfile = "ARG B\nFROM $B\n"},
	       "InvalidDefaultArgInFrom: Default value for ARG $B results in empty or invalid base image name (line "
	       "2)\n"
	       "error: base name ($B) should not be blank");
}

static void variables(void **state)
{
	static const struct lint_case cases[] = {
		{"FROM scratch\nARG A\nENV B=$A$PATH\nCOPY $B /$A\n", ""},
		{"FROM scratch\nCOPY $FOO /\n", "UndefinedVar: Usage of undefined variable '$FOO' (line 2)"},
		{"FROM scratch\nENV PATH=$PAHT:/x\n",
		 "UndefinedVar: Usage of undefined variable '$PAHT' (did you mean $PATH?) (line 2)"},
		{"FROM scratch\nUSER ${A}\nWORKDIR /$B\nVOLUME /$C\nSTOPSIGNAL TERM$D\nLABEL a=$E$E\nARG f=$G\n",
		 "UndefinedVar: Usage of undefined variable '$A' (line 2)\n"
		 "UndefinedVar: Usage of undefined variable '$B' (line 3)\n"
		 "UndefinedVar: Usage of undefined variable '$C' (line 4)\n"
		 "UndefinedVar: Usage of undefined variable '$D' (line 5)\n"
		 "UndefinedVar: Usage of undefined variable '$E' (line 6)\n"
		 "UndefinedVar: Usage of undefined variable '$G' (line 7)"},
		{"FROM scratch\nCOPY <<E /x\n$A\nE\nCOPY <<'E' /x\n$B\nE\n",
		 "UndefinedVar: Usage of undefined variable '$A' (line 2)"},
		{"FROM scratch\nRUN --mount=type=bind,source=$S,target=/x echo $NOT_OURS\n",
		 "UndefinedVar: Usage of undefined variable '$S' (line 2)"},
		{"FROM scratch\nCOPY '$A' /\\$B\n", ""},
		/* A base that is here has its environment and its triggers; of one that is not, nothing is said. */
		{"FROM known\nCOPY $FROM_BASE $TRIGGERED\n", ""},
		{"FROM known\nCOPY $FROMBASE /\n",
		 "UndefinedVar: Usage of undefined variable '$FROMBASE' (did you mean $FROM_BASE?) (line 2)"},
		{"FROM elsewhere\nCOPY $FOO /\nFROM 0 AS b\n", ""},
		{"FROM elsewhere AS a\nFROM a\nCOPY $FOO /\n", ""},
		{"FROM scratch AS a\nENV X=1\nARG Y=1\nFROM a\nCOPY $X /$Y\n", ""},
		{"ARG GLOBAL=1\nFROM scratch\nCOPY $GLOBAL /\n",
		 "UndefinedVar: Usage of undefined variable '$GLOBAL' (line 3)"},
	};
	expect_all(cases, ARRAY_SIZE(cases));
}

static void secrets(void **state)
{
	static const struct lint_case cases[] = {
		{"FROM scratch\nARG KEYBOARD=1\nENV AUTHOR=x PUBLIC_KEY=y TOKEN_FILE=z\n", ""},
		{"FROM scratch\nARG github_token\nENV DB_PASSWORD=x\n",
		 "SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ARG \"github_token\") "
		 "(line 2)\n"
		 "SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV \"DB_PASSWORD\") "
		 "(line 3)"},
	};
	expect_all(cases, ARRAY_SIZE(cases));
}

static void paths_and_ports(void **state)
{
	static const struct lint_case cases[] = {
		{"FROM scratch\nWORKDIR /a\nWORKDIR b\n", ""},
		{"FROM scratch\nARG D=/x\nWORKDIR $D\n", ""},
		{"FROM scratch\nWORKDIR a\nWORKDIR b\n",
		 "WorkdirRelativePath: Relative workdir \"a\" can have unexpected results if the base image changes "
		 "(line 2)"},
		{"FROM scratch AS a\nWORKDIR /a\nFROM a\nWORKDIR b\n", ""},
		{"FROM scratch\nEXPOSE 80 443/udp 8000-8010\n", ""},
		{"FROM scratch\nEXPOSE 80/TCP 127.0.0.1:81:82 5000:5000 [::1]:1:2/Udp\n",
		 "ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found "
		 "'127.0.0.1:81:82' (line 2)\n"
		 "ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found "
		 "'5000:5000' (line 2)\n"
		 "ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found "
		 "'[::1]:1:2/Udp' (line 2)\n"
		 "ExposeProtoCasing: Defined protocol '80/TCP' in EXPOSE instruction should be lowercase (line 2)\n"
		 "ExposeProtoCasing: Defined protocol '[::1]:1:2/Udp' in EXPOSE instruction should be lowercase (line "
		 "2)"},
	};
	expect_all(cases, ARRAY_SIZE(cases));
}

static void ignored_sources(void **state)
{
	static const char text[] = "FROM scratch AS a\nCOPY ./tmp/x ok /\nADD /secret https://x/secret /\n"
				   "COPY --from=a secret /\nCOPY . /\nCOPY <<secret /x\nsecret\n";
	expect(&(struct request){.dockerfile = text}, "");
	expect(&(struct request){.dockerfile = text, .ignore = "tmp\nsecret\n"},
	       "CopyIgnoredFile: Attempting to Copy file \"tmp/x\" that is excluded by .dockerignore (line 2)\n"
	       "CopyIgnoredFile: Attempting to Add file \"/secret\" that is excluded by .dockerignore (line 3)");
	expect(&(struct request){.dockerfile = text, .ignore = "tmp\nsecret\n!tmp/x\n"}, "");
	expect(&(struct request){.dockerfile = "FROM scratch\nCOPY . /\n", .ignore = "*\n"},
	       "CopyIgnoredFile: Attempting to Copy file \".\" that is excluded by .dockerignore (line 2)");
}

#define ONE	       "FROM scratch as a\nMAINTAINER me\n"
#define ONE_AS	       "FromAsCasing: 'as' and 'FROM' keywords' casing do not match"
#define ONE_MAINTAINER "MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label"

static void directives(void **state)
{
	static const struct lint_case cases[] = {
		{ONE, ONE_AS " (line 1)\n" ONE_MAINTAINER " (line 2)"},
		{"# check=skip=all\n" ONE, ""},
		{"# syntax=x\n# CHECK = skip= FromAsCasing , X\n" ONE, ONE_MAINTAINER " (line 4)"},
		{"# check=skip=FromAsCasing,MaintainerDeprecated;error=true\n" ONE, ""},
		{"# check=error=true;experimental=all\n" ONE,
		 ONE_AS " (line 2)\n" ONE_MAINTAINER " (line 3)\n"
			"error: lint violation found for rules: FromAsCasing, MaintainerDeprecated"},
		{"# check=error=false\n" ONE, ONE_AS " (line 2)\n" ONE_MAINTAINER " (line 3)"},
		{"# check=nonsense\n" ONE, "error: failed to parse check options: invalid check option \"nonsense\""},
		{"# check=what=x\n" ONE, "error: failed to parse check options: invalid check option \"what\""},
		{"# check=error=maybe\n" ONE,
		 "error: failed to parse check options: failed to parse check option \"error=maybe\": "
		 "strconv.ParseBool: parsing \"maybe\": invalid syntax"},
	};
	expect_all(cases, ARRAY_SIZE(cases));
	/* The build argument is instead of the directive. */
	expect(&(struct request){.dockerfile = "# check=error=true\n" ONE,
				 .argument = "BUILDKIT_DOCKERFILE_CHECK=skip=FromAsCasing"},
	       ONE_MAINTAINER " (line 3)");
	expect(&(struct request){.dockerfile = ONE, .argument = "BUILDKIT_DOCKERFILE_CHECK=x"},
	       "error: failed to parse BUILDKIT_DOCKERFILE_CHECK: invalid check option \"x\"");
}

static void only_needed_stages(void **state)
{
	static const char text[] = "FROM scratch AS a\nCOPY $A /\nFROM scratch AS b\nCOPY $B /\n";
	expect(&(struct request){.dockerfile = text}, "UndefinedVar: Usage of undefined variable '$A' (line 2)\n"
						      "UndefinedVar: Usage of undefined variable '$B' (line 4)");
	expect(&(struct request){.dockerfile = text, .needed_only = true},
	       "UndefinedVar: Usage of undefined variable '$B' (line 4)");
	expect(&(struct request){.dockerfile = text, .needed_only = true, .target = "a"},
	       "UndefinedVar: Usage of undefined variable '$A' (line 2)");
}

static void errors_of_the_build(void **state)
{
	static const struct lint_case cases[] = {
		{"FROM scratch\nSTOPSIGNAL SIGRTMIN+3\n", ""},
		{"FROM scratch\nSTOPSIGNAL NOPE\n", "error: invalid signal: NOPE"},
		{"FROM scratch\nENV A=${B:?needed}\n", "UndefinedVar: Usage of undefined variable '$B' (line "
						       "2)\nerror: failed to process \"${B:?needed}\": B: needed"},
		{"FROM scratch\nFROM broken\n", "error: invalid signal: NOPE"},
		{"FROM scratch\nEXPOSE 99999\nUSER ${\n", "error: invalid containerPort: 99999"},
		{"FROM elsewhere\nENV A=${B:?needed}\n", ""},
	};
	expect_all(cases, ARRAY_SIZE(cases));
}

static void printed_text(void **state)
{
	static const char text[] = "FROM scratch\nCMD x\n";
	cleanup_dockerfile struct dockerfile dockerfile = {0};
	struct error err = {0};
	unsigned first, last;
	const struct string_list none = {0};
	assert_int_equal(dockerfile_parse(text, strlen(text), &dockerfile, &first, &last, &err), 0);
	cleanup_lint struct lint lint = {.dockerfile = &dockerfile, .build_arguments = &none};
	cleanup_buffer struct buffer output = BUFFER_INIT(4096);
	assert_int_equal(lint_print(&lint, "Dockerfile", text, strlen(text), &output, &err), 0);
	assert_string_equal(buffer_text(&output), "Check complete, no warnings found.\n");
	buffer_clear(&output);
	cleanup_stage_graph struct stage_graph graph = {0};
	cleanup_string_list struct string_list consumed = {0};
	const struct instruction *culprit;
	assert_int_equal(lint_begin(&lint, &err), 0);
	assert_int_equal(
		stage_graph_build(&dockerfile, &none, &(struct stage_options){0}, &consumed, &graph, &culprit, &err),
		0);
	assert_int_equal(lint_stages(&lint, &graph, &culprit, &err), 0);
	assert_int_equal(lint_print(&lint, "Dockerfile", text, strlen(text), &output, &err), 0);
	assert_string_equal(
		buffer_text(&output),
		"Check complete, 1 warning has been found!\n\n"
		"WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/\n"
		"JSON arguments recommended for CMD to prevent unintended behavior related to OS signals\n"
		"Dockerfile:2\n--------------------\n   1 |     FROM scratch\n   2 | >>> CMD x\n   3 |     \n"
		"--------------------\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_stages),
		cmocka_unit_test(casing_of_instructions),
		cmocka_unit_test(old_forms),
		cmocka_unit_test(commands),
		cmocka_unit_test(bases),
		cmocka_unit_test(variables),
		cmocka_unit_test(secrets),
		cmocka_unit_test(paths_and_ports),
		cmocka_unit_test(ignored_sources),
		cmocka_unit_test(directives),
		cmocka_unit_test(only_needed_stages),
		cmocka_unit_test(errors_of_the_build),
		cmocka_unit_test(printed_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
