#include "cmocka_headers.h"

#include <string.h>

#include "oci/image_config.h"

#define DIFF_ID "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ROOTFS	"\"rootfs\":{\"diff_ids\":[\"" DIFF_ID "\"],\"type\":\"layers\"}"

static int parse(const char *text, struct image_config *config, struct error *err)
{
	return image_config_parse(text, strlen(text), config, err);
}

/* All that Docker writes, with members in the writer's order: the text comes back as it was. */
static const char whole[] =
	"{\"architecture\":\"arm64\",\"author\":\"me\",\"config\":{\"Cmd\":[],\"Entrypoint\":[\"/s2\",\"a b\"],"
	"\"Env\":[\"PATH=/bin\",\"E=\"],\"ExposedPorts\":{\"30001/tcp\":{},\"53/"
	"udp\":{}},\"Healthcheck\":{\"Interval\":"
	"1000000000,\"Test\":[\"CMD\",\"x\"]},\"Labels\":{\"a\":\"1=2\",\"a-b\":\"\"},\"OnBuild\":[\"RUN x\"],"
	"\"Shell\":[\"/bin/bash\",\"-c\"],\"StopSignal\":\"SIGINT\",\"User\":\"1000:5\",\"Volumes\":{\"/data\":{}},"
	"\"WorkingDir\":\"/w\"},\"created\":\"2026-01-02T03:04:05.123456789+01:00\",\"history\":[{\"comment\":\"c\","
	"\"created\":\"2026-01-02T03:04:05Z\",\"created_by\":\"RUN x\"},{\"created_by\":\"CMD\",\"empty_layer\":true}],"
	"\"os\":\"linux\"," ROOTFS ",\"variant\":\"v8\"}";

static void round_trip(void **state)
{
	(void)state;
	cleanup_image_config struct image_config config = {0}, copy = {0};
	struct error err = {0};
	if (parse(whole, &config, &err) < 0)
		fail_msg("%s", err.message);
	cleanup_free char *text = image_config_serialize(&config);
	assert_string_equal(text, whole);
	assert_true(config.has_command);
	assert_int_equal(config.command.count, 0);
	assert_string_equal(config.labels.items[0], "a=1=2");
	assert_string_equal(config.labels.items[1], "a-b=");
	assert_string_equal(config.created, "2026-01-02T03:04:05.123456789+01:00");
	image_config_copy(&copy, &config);
	image_config_copy(&copy, &config);
	cleanup_free char *copied = image_config_serialize(&copy);
	assert_string_equal(copied, whole);
}

static void tolerated_forms(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"{" ROOTFS "}",
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":null,\"history\":null," ROOTFS "}",
		"{\"config\":{\"Env\":null,\"Cmd\":null,\"Entrypoint\":null,\"Volumes\":null,\"Labels\":null,"
		"\"OnBuild\":null,\"Healthcheck\":null},\"container_config\":{\"x\":1},\"docker_version\":"
		"\"20\"," ROOTFS "}",
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cleanup_image_config struct image_config config = {0};
		struct error err = {0};
		if (parse(texts[i], &config, &err) < 0)
			fail_msg("%s", err.message);
		assert_false(config.has_command);
		assert_false(config.has_entrypoint);
		assert_int_equal(config.diff_id_count, 1);
		assert_string_equal(config.platform.os, "linux");
	}
	cleanup_image_config struct image_config config = {0};
	struct error err = {0};
	assert_int_equal(parse("{\"config\":{\"Cmd\":\"ls -l\"}," ROOTFS "}", &config, &err), 0);
	assert_int_equal(config.command.count, 1);
	assert_string_equal(config.command.items[0], "ls -l");
}

static void wrong_forms(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"",
		"[]",
		"{}",
		"{\"rootfs\":{\"type\":\"tar\"}}",
		"{\"rootfs\":{\"diff_ids\":[7]}}",
		"{\"rootfs\":{\"diff_ids\":[\"sha256:../../x\"]}}",
		"{\"config\":{\"Env\":\"x\"}," ROOTFS "}",
		"{\"config\":{\"Env\":[7]}," ROOTFS "}",
		"{\"config\":{\"Labels\":{\"a\":7}}," ROOTFS "}",
		"{\"config\":{\"Cmd\":[\"a\\u0000b\"]}," ROOTFS "}",
		"{\"config\":{\"Healthcheck\":[]}," ROOTFS "}",
		"{\"history\":[7]," ROOTFS "}",
		"{\"os\":7," ROOTFS "}",
		"{\"os\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"," ROOTFS "}",
		"{" ROOTFS "," ROOTFS "}",
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct image_config config = {0};
		struct error err = {0};
		if (parse(texts[i], &config, &err) == 0)
			fail_msg("passed: %s", texts[i]);
		assert_null(config.diff_ids);
	}
}

static void bytes_that_are_no_text(void **state)
{
	(void)state;
	cleanup_image_config struct image_config config = {.platform = {.os = "linux", .architecture = "amd64"}};
	string_list_add(&config.environment, "A=\xff\xc3\xa9\xc3");
	string_list_add(&config.labels, "k\xfe=v\xed\xa0\x80");
	cleanup_free char *text = image_config_serialize(&config);
	assert_non_null(strstr(text, "\"A=\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\""));
	assert_non_null(strstr(text, "\"k\xef\xbf\xbd\":\"v\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""));
}

static void sorted_items(void **state)
{
	(void)state;
	cleanup_string_list struct string_list list = {0};
	static const char *const items[] = {"b", "a", "c", "b", "a"};
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		image_config_add_sorted(&list, items[i]);
	cleanup_free char *text = string_list_join(&list, ",");
	assert_string_equal(text, "a,b,c");
	assert_null(list.items[3]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),	cmocka_unit_test(tolerated_forms),
		cmocka_unit_test(wrong_forms),	cmocka_unit_test(bytes_that_are_no_text),
		cmocka_unit_test(sorted_items),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
