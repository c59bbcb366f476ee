#include <string.h>

#include "cli/command.h"
#include "cli/format.h"
#include "engine/info.h"

#define SECURITY_NAME "name="

/* One line of what Docker prints, from a member of the document. */
struct info_line {
	const char *title;
	const char *member;
};

static void print_lines(const json_t *document, const struct info_line *lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_object_get(document, lines[i].member);
		if (json_is_integer(value))
			printf("%s: %lld\n", lines[i].title, (long long)json_integer_value(value));
		else if (json_is_string(value) && *json_string_value(value))
			printf("%s: %s\n", lines[i].title, json_string_value(value));
	}
}

static void print_joined(const char *title, const json_t *array)
{
	size_t index;
	json_t *item;
	printf("%s:", title);
	json_array_foreach(array, index, item) printf(" %s", json_string_value(item));
	printf("\n");
}

static void print_plugins(const json_t *document)
{
	static const char *const kinds[][2] = {{"  Volume", "Volume"}, {"  Network", "Network"}, {"  Log", "Log"}};
	printf(" Plugins:\n");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		print_joined(kinds[i][0], json_object_get(json_object_get(document, "Plugins"), kinds[i][1]));
}

/* "name=seccomp,profile=builtin" */
static void print_security(const json_t *document)
{
	size_t index;
	json_t *item;
	printf(" Security Options:\n");
	json_array_foreach(json_object_get(document, "SecurityOptions"), index, item)
	{
		const char *text = json_string_value(item) + strlen(SECURITY_NAME);
		const char *profile = strstr(text, ",profile=");
		printf("  %.*s\n", (int)strcspn(text, ","), text);
		if (profile)
			printf("   Profile: %s\n", profile + strlen(",profile="));
	}
}

/* In powers of 1024, as Docker tells memory alone. */
static void print_memory(const json_t *document)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double value = (double)json_integer_value(json_object_get(document, "MemTotal"));
	size_t unit = 0;
	for (; value >= 1024 && unit + 1 < ARRAY_SIZE(units); unit++)
		value /= 1024;
	printf(" Total Memory: %.4g%s\n", value, units[unit]);
}

static void print_info(const json_t *document)
{
	static const struct info_line counts[] = {{" Containers", "Containers"},
						  {"  Running", "ContainersRunning"},
						  {"  Paused", "ContainersPaused"},
						  {"  Stopped", "ContainersStopped"},
						  {" Images", "Images"},
						  {" Server Version", "ServerVersion"},
						  {" Storage Driver", "Driver"}};
	static const struct info_line drivers[] = {{" Logging Driver", "LoggingDriver"},
						   {" Cgroup Driver", "CgroupDriver"},
						   {" Cgroup Version", "CgroupVersion"}};
	static const struct info_line host[] = {{" Kernel Version", "KernelVersion"},
						{" Operating System", "OperatingSystem"},
						{" OSType", "OSType"},
						{" Architecture", "Architecture"},
						{" CPUs", "NCPU"}};
	static const struct info_line folders[] = {
		{" Name", "Name"}, {" Docker Root Dir", "DockerRootDir"}, {" Run Root Dir", "RunRootDir"}};
	const json_t *client = json_object_get(document, "ClientInfo");
	printf("Client:\n Version:    %s\n Context:    %s\n Debug Mode: false\n\nServer:\n",
	       json_string_value(json_object_get(client, "Version")),
	       json_string_value(json_object_get(client, "Context")));
	print_lines(document, counts, ARRAY_SIZE(counts));
	const json_t *backing = json_array_get(json_object_get(document, "DriverStatus"), 0);
	printf("  %s: %s\n", json_string_value(json_array_get(backing, 0)),
	       json_string_value(json_array_get(backing, 1)));
	print_lines(document, drivers, ARRAY_SIZE(drivers));
	print_plugins(document);
	print_security(document);
	print_lines(document, host, ARRAY_SIZE(host));
	print_memory(document);
	print_lines(document, folders, ARRAY_SIZE(folders));
}

int cmd_info(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const char *format = NULL;
	const struct option options[] = {
		OPTION_STRING('f', "format", &format, "string", "Format output: 'json', or a Go template"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_json json_t *document = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0 || engine_info(engine, &document, err) < 0)
		return -1;
	if (!format) {
		print_info(document);
		return 0;
	}
	static const struct template_type type = {.name = "system.dockerInfo"};
	return format_print_document(document, &type, format, err);
}
