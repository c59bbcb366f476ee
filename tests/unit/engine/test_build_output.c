/* What --output, --load, --push and --annotation mean together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/build_output.h"
#include "engine/build_setting.h"

static struct string_list list_of(const char *text)
{
	struct string_list list = {0};
	if (text)
		string_list_add(&list, text);
	return list;
}

static int parse(const char *output, const char *annotation, bool load, bool push, struct build_outputs *ret,
		 struct error *err)
{
	cleanup_string_list struct string_list texts = list_of(output), annotations = list_of(annotation);
	cleanup_string_list struct string_list tags = list_of("registry.test/a:1");
	const struct build_output_options options = {
		.texts = &texts, .tags = &tags, .annotations = &annotations, .load = load, .push = push};
	return build_outputs_parse(&options, ret, err);
}

static void settings_are_csv(void **state)
{
	cleanup_build_setting struct build_setting setting = {0};
	struct error err = {0};
	bool flag = true;
	assert_int_equal(build_setting_parse("TYPE=image,\"name=a,b\", Push =0,annotation.Key=v=w", &setting, &err), 0);
	assert_string_equal(setting.type, "image");
	assert_string_equal(build_setting_get(&setting, "name"), "a,b");
	assert_string_equal(build_setting_get(&setting, "annotation.Key"), "v=w");
	assert_int_equal(build_setting_flag(&setting, "push", &flag, &err), 0);
	assert_false(flag);
	assert_int_equal(build_setting_flag(&setting, "name", &flag, &err), -1);
	const char *const known[] = {"name", "push", NULL};
	assert_int_equal(build_setting_check(&setting, "--output", known, &err), -1);
	const char *const all[] = {"name", "push", "annotation.", NULL};
	assert_int_equal(build_setting_check(&setting, "--output", all, &err), 0);
	cleanup_build_setting struct build_setting bad = {0};
	assert_int_equal(build_setting_parse("type=image,\"x", &bad, &err), -1);
}

static void one_field_is_a_folder(void **state)
{
	static const struct {
		const char *text;
		enum build_output_kind kind;
		const char *destination;
	} cases[] = {
		{"out", BUILD_OUTPUT_LOCAL, "out"},
		{"a=b", BUILD_OUTPUT_LOCAL, "a=b"},
		{"type=docker", BUILD_OUTPUT_STORE, NULL},
		{"type=docker,dest=x", BUILD_OUTPUT_ARCHIVE, "x"},
		{"type=oci,dest=x,tar=false", BUILD_OUTPUT_LAYOUT, "x"},
		{"type=registry", BUILD_OUTPUT_STORE, NULL},
		{"type=cacheonly", BUILD_OUTPUT_NOTHING, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cleanup_build_outputs struct build_outputs outputs = {0};
		struct error err = {0};
		assert_int_equal(parse(cases[i].text, NULL, false, false, &outputs, &err), 0);
		assert_int_equal(outputs.count, 1);
		assert_int_equal(outputs.items[0].kind, cases[i].kind);
		if (cases[i].destination)
			assert_string_equal(outputs.items[0].destination, cases[i].destination);
		else
			assert_null(outputs.items[0].destination);
	}
}

static void load_and_push_add_what_is_missing(void **state)
{
	static const struct {
		const char *text;
		bool load, push;
		size_t count, pushes;
	} cases[] = {
		{NULL, false, false, 1, 0},
		{NULL, true, false, 1, 0},
		{NULL, false, true, 1, 1},
		{NULL, true, true, 1, 1},
		{"type=image", false, true, 1, 1},
		{"type=oci,dest=x", true, false, 2, 0},
		{"type=oci,dest=x", true, true, 2, 1},
		{"type=docker", false, true, 2, 1},
		{"type=registry", false, false, 1, 1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cleanup_build_outputs struct build_outputs outputs = {0};
		struct error err = {0};
		size_t pushes = 0;
		assert_int_equal(parse(cases[i].text, NULL, cases[i].load, cases[i].push, &outputs, &err), 0);
		for (size_t j = 0; j < outputs.count; j++)
			pushes += outputs.items[j].push;
		assert_int_equal(outputs.count, cases[i].count);
		assert_int_equal(pushes, cases[i].pushes);
	}
}

static void annotations_go_where_they_are_for(void **state)
{
	cleanup_build_outputs struct build_outputs outputs = {0}, both = {0}, bad = {0};
	struct error err = {0};
	assert_int_equal(parse(NULL, "a.b/c=d:e", false, false, &outputs, &err), 0);
	assert_string_equal(outputs.items[0].annotations.items[0], "a.b/c=d:e");
	assert_int_equal(outputs.items[0].descriptor_annotations.count, 0);
	assert_int_equal(parse(NULL, "manifest,manifest-descriptor:k=v", false, false, &both, &err), 0);
	assert_string_equal(both.items[0].annotations.items[0], "k=v");
	assert_string_equal(both.items[0].descriptor_annotations.items[0], "k=v");
	static const char *const wrong[] = {"k", "=v", "index:k=v", "manifest:=v", "manifest[linux/amd64]:k=v"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(parse(NULL, wrong[i], false, false, &bad, &err), -1);
}

static void the_store_is_asked_for(void **state)
{
	cleanup_build_outputs struct build_outputs outputs = {0};
	struct build_options build = {0};
	struct error err = {0};
	assert_int_equal(parse("type=oci,dest=x", NULL, false, false, &outputs, &err), 0);
	build_outputs_apply(&outputs, &build);
	assert_true(build.no_image);
	build_outputs_release(&outputs);
	assert_int_equal(parse("type=oci,dest=x", "k=v", true, false, &outputs, &err), 0);
	build_outputs_apply(&outputs, &build);
	assert_false(build.no_image);
	assert_string_equal(build.annotations.items[0], "k=v");
	string_list_release(&build.annotations);
	string_list_release(&build.tags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_are_csv),
		cmocka_unit_test(one_field_is_a_folder),
		cmocka_unit_test(load_and_push_add_what_is_missing),
		cmocka_unit_test(annotations_go_where_they_are_for),
		cmocka_unit_test(the_store_is_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
