/* --build-context: what a value is, how names are compared, and what stages become by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "build/stages.h"

static void test_values(void **state)
{
	static const struct {
		const char *text, *name, *value;
		enum named_context_kind kind;
	} rows[] = {
		{"a=/tmp", "a", "/tmp", NAMED_CONTEXT_FOLDER},
		{"a=.", "a", ".", NAMED_CONTEXT_FOLDER},
		{"docker.io/library/debian:latest=docker-image://alpine:3", "debian", "alpine:3", NAMED_CONTEXT_IMAGE},
		{"debian:12=docker-image://scratch", "debian:12", "scratch", NAMED_CONTEXT_IMAGE},
		{"a=oci-layout:///no/such:1", "a", "/no/such:1", NAMED_CONTEXT_LAYOUT},
		{"0=target:build", "0", "build", NAMED_CONTEXT_STAGE},
		{"ghcr.test/x/y=https://a.test/b.git#main:sub", "ghcr.test/x/y", "https://a.test/b.git#main:sub",
		 NAMED_CONTEXT_REMOTE},
		{"a=http://a.test/b.tar?c=d", "a", "http://a.test/b.tar?c=d", NAMED_CONTEXT_REMOTE},
		{"a=git@host:x", "a", "git@host:x", NAMED_CONTEXT_REMOTE},
		{"a=github.com/user/repository", "a", "github.com/user/repository", NAMED_CONTEXT_REMOTE},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_string_list struct string_list texts = {0};
		cleanup_named_contexts struct named_contexts contexts = {0};
		struct error err = {0};
		string_list_add(&texts, rows[i].text);
		if (named_contexts_parse(&texts, &contexts, &err) < 0)
			fail_msg("%s: %s", rows[i].text, err.message);
		assert_int_equal(contexts.count, 1);
		assert_int_equal(contexts.items[0].kind, rows[i].kind);
		assert_string_equal(contexts.items[0].name, rows[i].name);
		assert_string_equal(contexts.items[0].value, rows[i].value);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{"a", "invalid context value: a, expected key=value"},
		{"", "invalid context value: , expected key=value"},
		{"A=/tmp", "invalid context name A: "},
		{"=/tmp", "invalid context name : "},
		{"a=", "failed to get build context a: stat : no such file or directory"},
		{"a=/no/such", "failed to get build context a: stat /no/such: no such file or directory"},
		{"a=/dev/null", "failed to get build context path /dev/null: not a directory"},
		{"a=docker-image://", "failed to get build context a: "},
		{"a=docker-image://X", "failed to get build context a: "},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_string_list struct string_list texts = {0};
		struct named_contexts contexts = {0};
		struct error err = {0};
		string_list_add(&texts, rows[i].text);
		assert_int_equal(named_contexts_parse(&texts, &contexts, &err), -1);
		if (strncmp(err.message, rows[i].message, strlen(rows[i].message)) != 0)
			fail_msg("%s: %s", rows[i].text, err.message);
	}
}

static void test_find(void **state)
{
	cleanup_string_list struct string_list texts = {0};
	cleanup_named_contexts struct named_contexts contexts = {0};
	struct error err = {0};
	string_list_add(&texts, "debian=/tmp");
	string_list_add(&texts, "alpine:3=/tmp");
	string_list_add(&texts, "debian:latest=/dev");
	assert_int_equal(named_contexts_parse(&texts, &contexts, &err), 0);
	/* The last one of a name counts. */
	assert_int_equal(contexts.count, 2);
	const struct named_context *debian = named_contexts_find(&contexts, "debian");
	assert_non_null(debian);
	assert_string_equal(debian->value, "/dev");
	assert_ptr_equal(named_contexts_find(&contexts, "docker.io/library/debian"), debian);
	assert_ptr_equal(named_contexts_find(&contexts, "debian:latest"), debian);
	assert_null(named_contexts_find(&contexts, "debian:12"));
	assert_null(named_contexts_find(&contexts, "alpine"));
	assert_null(named_contexts_find(&contexts, "not a name"));
	assert_null(named_contexts_find(NULL, "debian"));
}

struct built {
	struct dockerfile dockerfile;
	struct string_list given, consumed;
	struct named_contexts contexts;
	struct stage_graph graph;
	struct error err;
};

static int build(struct built *built, const char *text, const char *const *contexts, const char *platform)
{
	cleanup_string_list struct string_list texts = {0};
	const struct instruction *culprit;
	struct platform parsed;
	unsigned first, last;
	*built = (struct built){0};
	for (; *contexts; contexts++)
		string_list_add(&texts, *contexts);
	assert_int_equal(dockerfile_parse(text, strlen(text), &built->dockerfile, &first, &last, &built->err), 0);
	assert_int_equal(named_contexts_parse(&texts, &built->contexts, &built->err), 0);
	if (platform)
		assert_int_equal(platform_parse(platform, &parsed, &built->err), 0);
	const struct stage_options options = {.platform = platform ? &parsed : NULL, .contexts = &built->contexts};
	int result = stage_graph_build(&built->dockerfile, &built->given, &options, &built->consumed, &built->graph,
				       &culprit, &built->err);
	return result;
}

static void built_release(struct built *built)
{
	stage_graph_release(&built->graph);
	named_contexts_release(&built->contexts);
	dockerfile_release(&built->dockerfile);
	string_list_release(&built->given);
	string_list_release(&built->consumed);
}

static void test_stages(void **state)
{
	CLEANUP(built_release) struct built built;
	const char *const contexts[] = {"base=/tmp",	"two=docker-image://other:1",  "again=target:one",
					"scratch=/tmp", "none=docker-image://scratch", NULL};
	assert_int_equal(build(&built,
			       "FROM debian AS one\nRUN a\nFROM one AS two\nRUN b\nFROM base\nFROM again\n"
			       "FROM scratch\nFROM none\nFROM two\nCOPY --from=one a b\n",
			       contexts, NULL),
			 0);
	const struct build_stage *stages = built.graph.stages;
	/* A stage of the name is replaced, with what stands in it. */
	assert_int_equal(stages[1].base, STAGE_BASE_IMAGE);
	assert_string_equal(stages[1].base_name, "other:1");
	assert_int_equal(stages[1].instruction_count, 0);
	assert_int_equal(stages[2].base, STAGE_BASE_SCRATCH);
	assert_string_equal(stages[2].folder->value, "/tmp");
	assert_int_equal(stages[3].base, STAGE_BASE_STAGE);
	assert_int_equal(stages[3].base_stage, 0);
	assert_int_equal(stages[4].base, STAGE_BASE_SCRATCH);
	assert_null(stages[4].folder);
	assert_int_equal(stages[5].base, STAGE_BASE_SCRATCH);
	assert_int_equal(stages[6].base, STAGE_BASE_IMAGE);
	assert_int_equal(stages[6].instruction_count, 1);
	assert_true(stages[0].needed);
	assert_false(stages[1].needed);
	assert_int_equal(stage_find(&built.graph, "again", 7), 0);
	assert_int_equal(stage_find(&built.graph, "base", 7), -1);
	assert_int_equal(stage_find(&built.graph, "two", 7), -1);
}

static void test_late_stage(void **state)
{
	CLEANUP(built_release) struct built built;
	const char *const contexts[] = {"base=target:last", NULL};
	assert_int_equal(build(&built, "FROM base AS first\nFROM debian AS last\n", contexts, NULL), -1);
	assert_string_equal(built.err.message, "failed to get build context base: stage \"last\" needs to be defined "
					       "before the stage that is based on it");
}

static void test_unknown_stage(void **state)
{
	CLEANUP(built_release) struct built built;
	const char *const contexts[] = {"base=target:lost", NULL};
	assert_int_equal(build(&built, "FROM debian AS last\n", contexts, NULL), -1);
	assert_string_equal(built.err.message, "failed to get build context base: target stage \"lost\" could not be "
					       "found (did you mean last?)");
}

static void test_platforms(void **state)
{
	CLEANUP(built_release) struct built built;
	const char *const none[] = {NULL};
	assert_int_equal(build(&built,
			       "FROM --platform=windows/amd64 debian AS one\nFROM one AS two\nFROM debian\n"
			       "FROM --platform=$TARGETPLATFORM scratch\n",
			       none, "linux/arm/v6"),
			 0);
	const struct build_stage *stages = built.graph.stages;
	assert_string_equal(stages[0].platform, "windows/amd64");
	assert_string_equal(stages[1].platform, "windows/amd64");
	assert_string_equal(stages[2].platform, "linux/arm/v6");
	assert_string_equal(stages[3].platform, "linux/arm/v6");
	assert_string_equal(string_list_get_key(&built.graph.global_arguments, "TARGETVARIANT"), "v6");
	struct platform platform;
	assert_int_equal(stage_platform(&stages[2], &platform, &built.err), 1);
	assert_string_equal(platform.architecture, "arm");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),	   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_find),	   cmocka_unit_test(test_stages),
		cmocka_unit_test(test_late_stage), cmocka_unit_test(test_unknown_stage),
		cmocka_unit_test(test_platforms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
