/* What users write behind -v, --mount, -p, -e, and the way of a config into its record and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "base/signals.h"
#include "engine/container_config.h"
#include "engine/namespace_options.h"
#include "engine/resource_options.h"
#include "engine/stop.h"
#include "runtime/capability.h"

typedef int add_function(struct container_config *config, const char *text, struct error *err);

static void expect_refused(add_function *add, const char *text, const char *message)
{
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	struct error err = {0};
	assert_int_equal(add(&config, text, &err), -1);
	assert_string_equal(err.message, message);
	assert_int_equal(config.mount_count, 0);
	assert_int_equal(config.port_count, 0);
}

static void volumes_are_parsed(void **state)
{
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	struct error err = {0};
	assert_int_equal(container_config_add_volume(&config, "/host:/data:ro", &err), 0);
	assert_int_equal(container_config_add_volume(&config, "name:/named/", &err), 0);
	assert_int_equal(container_config_add_volume(&config, "/anonymous", &err), 0);
	assert_int_equal(config.mounts[0].kind, CONTAINER_MOUNT_BIND);
	assert_string_equal(config.mounts[0].source, "/host");
	assert_true(config.mounts[0].read_only);
	assert_int_equal(config.mounts[1].kind, CONTAINER_MOUNT_VOLUME);
	assert_string_equal(config.mounts[1].target, "/named");
	assert_string_equal(config.mounts[2].source, "");
	assert_int_equal(container_config_add_volume(&config, "/other:/data", &err), -1);
	assert_string_equal(err.message, "Duplicate mount point: /data");
}

static void wrong_volumes_are_refused(void **state)
{
	expect_refused(container_config_add_volume, "", "invalid volume specification: ''");
	expect_refused(container_config_add_volume, ":/data", "invalid volume specification: ':/data'");
	expect_refused(container_config_add_volume, "/a:/b:ro:x", "invalid volume specification: '/a:/b:ro:x'");
	expect_refused(container_config_add_volume, "/a:/b:rx", "invalid mode: rx");
	expect_refused(container_config_add_volume, "/a:b", "invalid mount path: 'b' mount path must be absolute");
	expect_refused(container_config_add_volume, "/a:/", "invalid specification: destination can't be '/'");
	expect_refused(container_config_add_mount, "type=bind,source=a,target=/b",
		       "invalid mount config for type \"bind\": invalid mount path: 'a' mount path must be absolute");
	expect_refused(container_config_add_mount, "type=volume",
		       "invalid argument \"type=volume\" for \"--mount\" flag: target is required");
	expect_refused(container_config_add_mount, "type=bind,bind-propagation=x,source=/a,target=/b",
		       "invalid mount config for type \"bind\": invalid propagation mode: x");
}

static void ports_are_parsed(void **state)
{
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	struct error err = {0};
	assert_int_equal(container_config_add_port(&config, "8080:80", &err), 0);
	assert_int_equal(container_config_add_port(&config, "127.0.0.1:53:5353/udp", &err), 0);
	assert_int_equal(container_config_add_port(&config, "9000", &err), 0);
	assert_int_equal(container_config_add_port(&config, "7000-7002:70-72", &err), 0);
	assert_int_equal(config.port_count, 6);
	assert_int_equal(config.ports[0].host_port, 8080);
	assert_int_equal(config.ports[0].container_port, 80);
	assert_int_equal(config.ports[1].host_address.s_addr, htonl(INADDR_LOOPBACK));
	assert_int_equal(config.ports[1].protocol, PORT_UDP);
	assert_int_equal(config.ports[2].host_port, 0);
	assert_int_equal(config.ports[5].host_port, 7002);
	assert_int_equal(config.ports[5].container_port, 72);
	assert_int_equal(config.exposed_ports.count, 6);
}

static void wrong_ports_are_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"", "invalid containerPort: "},
		{"0", "invalid containerPort: 0"},
		{"65536", "invalid containerPort: 65536"},
		{"80:-1", "invalid containerPort: -1"},
		{"80:x", "invalid containerPort: x"},
		{"x:80", "invalid hostPort: x"},
		{"99999:80", "invalid hostPort: 99999"},
		{"1.2.3:80:80", "invalid IP address: 1.2.3"},
		{"80:80/icmp", "invalid proto: icmp"},
		{"80-82:80-81", "invalid ranges specified for container and host Ports: 80-81 and 80-82"},
		{"90-80", "invalid containerPort: 90-80"},
		{"1-60000", "more than 4096 published ports"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_refused(container_config_add_port, cases[i].text, cases[i].message);
}

static void environment_is_parsed(void **state)
{
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	struct error err = {0};
	setenv("CORACLE_TEST_SET", "from here", 1);
	unsetenv("CORACLE_TEST_UNSET");
	assert_int_equal(container_config_add_environment(&config, "A=1", &err), 0);
	assert_int_equal(container_config_add_environment(&config, "A=2=3", &err), 0);
	assert_int_equal(container_config_add_environment(&config, "CORACLE_TEST_SET", &err), 0);
	assert_int_equal(container_config_add_environment(&config, "CORACLE_TEST_UNSET", &err), 0);
	assert_int_equal(config.environment.count, 2);
	assert_string_equal(config.environment.items[0], "A=2=3");
	assert_string_equal(config.environment.items[1], "CORACLE_TEST_SET=from here");
	assert_int_equal(container_config_add_environment(&config, "=x", &err), -1);
	assert_string_equal(err.message, "invalid environment variable: =x");
}

static void a_record_round_trips(void **state)
{
	cleanup_container_config struct container_config config, copy;
	container_config_init(&config);
	container_config_init(&copy);
	struct error err = {0};
	container_config_add_volume(&config, "/host:/data:ro", &err);
	container_config_add_port(&config, "127.0.0.1:8080:80/udp", &err);
	container_config_add_environment(&config, "A=b", &err);
	const struct string_list no_aliases = {0};
	const struct network_wishes wishes = {.aliases = &no_aliases};
	container_config_add_network(&config, "none", &err);
	assert_int_equal(container_config_complete_network(&config, &wishes, &err), 0);
	string_list_add(&config.command, "sh");
	config.has_command = true;
	config.hostname = duplicate_string("h");
	config.resources.memory_bytes = 1 << 30;
	config.stop_timeout = 3;
	cleanup_json json_t *document = container_config_to_json(&config);
	assert_int_equal(container_config_from_json(document, &copy, &err), 0);
	cleanup_json json_t *again = container_config_to_json(&copy);
	assert_true(json_equal(document, again));
	assert_true(copy.mounts[0].read_only && copy.ports[0].protocol == PORT_UDP && copy.has_command);
	assert_int_equal(copy.network, CONTAINER_NETWORK_NONE);
	json_object_set_new(document, "network", json_string("moon"));
	assert_int_equal(container_config_from_json(document, &copy, &err), -1);
}

static void the_images_defaults_fill_what_is_not_said(void **state)
{
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	cleanup_image_config struct image_config image = {0};
	struct error err = {0};
	string_list_add(&image.entrypoint, "/entry");
	string_list_add(&image.command, "default");
	string_list_add(&image.environment, "A=image");
	string_list_add(&image.environment, "B=image");
	string_list_add(&image.volumes, "/data");
	string_list_add(&image.volumes, "/more");
	image.user = duplicate_string("music");
	container_config_add_environment(&config, "B=user", &err);
	container_config_add_volume(&config, "/host:/data", &err);
	container_config_apply_image(&config, &image);
	assert_string_equal(config.entrypoint.items[0], "/entry");
	assert_string_equal(config.command.items[0], "default");
	assert_string_equal(config.environment.items[1], "B=user");
	assert_string_equal(config.user, "music");
	assert_int_equal(config.mount_count, 2);
	assert_string_equal(config.mounts[1].target, "/more");
	/* An entrypoint of the user's takes the image's command away. */
	cleanup_container_config struct container_config own;
	container_config_init(&own);
	own.has_entrypoint = true;
	string_list_add(&own.entrypoint, "/mine");
	container_config_apply_image(&own, &image);
	assert_int_equal(own.command.count, 0);
}

static void capabilities_are_added_and_dropped(void **state)
{
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	struct error err = {0};
	uint64_t bits;
	assert_int_equal(container_config_capabilities(&config, &bits, &err), 0);
	assert_int_equal(bits, CAPABILITY_DEFAULT_SET);
	string_list_add(&config.capabilities_drop, "ALL");
	string_list_add(&config.capabilities_add, "net_bind_service");
	assert_int_equal(container_config_capabilities(&config, &bits, &err), 0);
	assert_int_equal(bits, 1 << 10);
	string_list_add(&config.capabilities_add, "CAP_FLY");
	assert_int_equal(container_config_capabilities(&config, &bits, &err), -1);
}

static void signals_have_names_and_numbers(void **state)
{
	struct error err = {0};
	int number = 0;
	static const struct {
		const char *text;
		int number;
	} cases[] = {
		{"SIGTERM", 15}, {"term", 15},	     {"9", 9},	       {"HUP", 1},	 {"sigusr1", 10}, {"64", 64},
		{"RTMIN", 34},	 {"SIGRTMIN+3", 37}, {"rtmax-14", 50}, {"SIGRTMAX", 64}, {"SIGIOT", 6},	  {"CLD", 17},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(signal_parse(cases[i].text, &number, &err), 0);
		assert_int_equal(number, cases[i].number);
	}
	static const char *const wrong[] = {"",		"0",	   "-1",      "65",	"SIGNOPE", "9x",
					    "RTMIN+31", "RTMIN-1", "RTMAX+1", "RTMIN+", "RTMIN+ 1"};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(signal_parse(wrong[i], &number, &err), -1);
}

static void resources_are_parsed(void **state)
{
	struct error err = {0};
	static const struct {
		const char *text;
		int64_t nano;
	} cpus[] = {{"1", 1000000000}, {".5", 500000000}, {"1.25", 1250000000}, {"0.000000001", 1}, {"2.", 2000000000}};
	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++) {
		int64_t nano = -1;
		assert_int_equal(cpus_parse(cpus[i].text, &nano, &err), 0);
		assert_int_equal(nano, cpus[i].nano);
	}
	static const char *const wrong_cpus[] = {"", ".", "-1", "1e3", "0x1", "1 ", "0.0000000001", "9999999"};
	for (size_t i = 0; i < ARRAY_SIZE(wrong_cpus); i++) {
		int64_t nano;
		assert_int_equal(cpus_parse(wrong_cpus[i], &nano, &err), -1);
	}
	assert_true(cpuset_is_valid("0") && cpuset_is_valid("0-3,5"));
	static const char *const wrong_sets[] = {"", "x", "1-", "3-1", ",", "0,", "-1", "99999999"};
	for (size_t i = 0; i < ARRAY_SIZE(wrong_sets); i++)
		assert_false(cpuset_is_valid(wrong_sets[i]));
}

static void sysctls_stay_where_they_belong(void **state)
{
	char *path = sysctl_path("net.ipv4.conf.eth0/100.forwarding");
	assert_string_equal(path, "net/ipv4/conf/eth0.100/forwarding");
	free(path);
	static const char *const wrong[] = {"", ".", "net.", ".net", "net..x", "net.//.x", "net./.x", "/", "//"};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_null(sysctl_path(wrong[i]));
}

static void devices_are_parsed(void **state)
{
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	struct error err = {0};
	static const char *const texts[][2] = {{"/dev/a", "/dev/a:/dev/a:rwm"},
					       {"/dev/a:r", "/dev/a:/dev/a:r"},
					       {"/dev/a:/dev/b", "/dev/a:/dev/b:rwm"},
					       {"/dev/a:/dev/b:mw", "/dev/a:/dev/b:mw"}};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(container_config_add_device(&config, texts[i][0], &err), 0);
		assert_string_equal(config.devices.items[i], texts[i][1]);
	}
	static const char *const wrong[] = {"", "a", "/dev/a:b", "/dev/a:/b:rr", "/dev/a:/b:rwmx", "/a:/b:r:w", ":/b"};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(container_config_add_device(&config, wrong[i], &err), -1);
	static const char *const wrong_rules[] = {"", "c", "c 1:3", "c 1:3 ", "x 1:3 r", "c 1:3 rr", "c :3 r", "c 1 r"};
	for (size_t i = 0; i < ARRAY_SIZE(wrong_rules); i++)
		assert_int_equal(container_config_add_device_rule(&config, wrong_rules[i], &err), -1);
	assert_int_equal(container_config_add_device_rule(&config, "a *:* rwm", &err), 0);
}

static void mounts_round_trip(void **state)
{
	cleanup_container_config struct container_config config, again;
	container_config_init(&config);
	container_config_init(&again);
	struct error err = {0};
	assert_int_equal(container_config_add_mount(&config,
						    "type=bind,source=/a,target=/b,readonly,bind-propagation=rslave,"
						    "bind-recursive=writable",
						    &err),
			 0);
	assert_int_equal(
		container_config_add_mount(
			&config, "\"source=vol\",target=/c,volume-subpath=d,volume-nocopy,volume-label=k=l", &err),
		0);
	cleanup_json json_t *document = container_config_to_json(&config);
	assert_int_equal(container_config_from_json(document, &again, &err), 0);
	assert_int_equal(again.mount_count, 2);
	assert_true(again.mounts[0].read_only && again.mounts[0].read_only_here && again.mounts[0].by_mount);
	assert_string_equal(again.mounts[0].propagation, "rslave");
	assert_true(again.mounts[1].is_empty);
	assert_string_equal(again.mounts[1].subpath, "d");
	assert_string_equal(again.mounts[1].labels.items[0], "k=l");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(volumes_are_parsed),
		cmocka_unit_test(wrong_volumes_are_refused),
		cmocka_unit_test(ports_are_parsed),
		cmocka_unit_test(wrong_ports_are_refused),
		cmocka_unit_test(environment_is_parsed),
		cmocka_unit_test(a_record_round_trips),
		cmocka_unit_test(the_images_defaults_fill_what_is_not_said),
		cmocka_unit_test(capabilities_are_added_and_dropped),
		cmocka_unit_test(signals_have_names_and_numbers),
		cmocka_unit_test(resources_are_parsed),
		cmocka_unit_test(sysctls_stay_where_they_belong),
		cmocka_unit_test(devices_are_parsed),
		cmocka_unit_test(mounts_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
