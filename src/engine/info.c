#include "engine/info.h"

#include <fcntl.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/list.h"
#include "oci/platform.h"
#include "runtime/cgroup_layout.h"
#include "store/image_usage.h"

#define OS_RELEASE_LIMIT ((size_t)64 * 1024)

/* A variable of os-release(5), without its quotes; "" where there is none. Owned by the caller. */
static char *os_release(const char *name)
{
	cleanup_buffer struct buffer text = {0};
	if (read_file_at(AT_FDCWD, "/etc/os-release", OS_RELEASE_LIMIT, &text, NULL) < 0)
		return duplicate_string("");
	size_t length = strlen(name);
	for (const char *line = buffer_text(&text); *line;) {
		size_t size = strcspn(line, "\n");
		if (size > length && strncmp(line, name, length) == 0 && line[length] == '=') {
			const char *value = line + length + 1;
			size -= length + 1;
			bool is_quoted = size >= 2 && (*value == '"' || *value == '\'') && value[size - 1] == *value;
			return format_string("%.*s", (int)(is_quoted ? size - 2 : size), value + is_quoted);
		}
		line += size + (line[size] == '\n');
	}
	return duplicate_string("");
}

static json_t *owned_text(char *text)
{
	json_t *value = json_string_nocheck(text);
	free(text);
	return value;
}

static const char *file_system_name(int fd)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} names[] = {{0xef53, "extfs"},		{0x58465342, "xfs"}, {0x9123683e, "btrfs"}, {0x01021994, "tmpfs"},
		     {0x794c7630, "overlayfs"}, {0x2fc12fc1, "zfs"}, {0xf2f52010, "f2fs"}};
	struct statfs status;
	if (fstatfs(fd, &status) < 0)
		return "unknown";
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].magic == (unsigned long)status.f_type)
			return names[i].name;
	return "unknown";
}

static int add_counts(struct engine *engine, json_t *document, struct error *err)
{
	cleanup_container_views struct container_views views = {0};
	cleanup_image_usages struct image_usages images = {0};
	if (container_view_list(engine, true, &views, err) < 0 || image_usage_list(engine->store, &images, err) < 0)
		return -1;
	json_int_t running = 0, paused = 0;
	for (size_t i = 0; i < views.count; i++) {
		const struct container_state *state = &views.items[i].state;
		paused += state->is_paused;
		running += state->status == CONTAINER_RUNNING && !state->is_paused;
	}
	json_object_set_new(document, "Containers", json_integer((json_int_t)views.count));
	json_object_set_new(document, "ContainersRunning", json_integer(running));
	json_object_set_new(document, "ContainersPaused", json_integer(paused));
	json_object_set_new(document, "ContainersStopped", json_integer((json_int_t)views.count - running - paused));
	json_object_set_new(document, "Images", json_integer((json_int_t)images.count));
	return 0;
}

static int add_cgroups(json_t *document, struct error *err)
{
	static const char *const versions[] = {"", "1", "2"};
	const struct cgroup_layout *layout;
	if (cgroup_layout_get(&layout, err) < 0)
		return -1;
	json_object_set_new(document, "CgroupDriver",
			    json_string(layout->version == CGROUP_NONE ? "none" : "cgroupfs"));
	json_object_set_new(document, "CgroupVersion", json_string(versions[layout->version]));
	return 0;
}

static void add_host(json_t *document)
{
	struct utsname kernel;
	struct sysinfo memory = {0};
	uname(&kernel);
	sysinfo(&memory);
	json_object_set_new(document, "KernelVersion", json_string_nocheck(kernel.release));
	json_object_set_new(document, "OperatingSystem", owned_text(os_release("PRETTY_NAME")));
	json_object_set_new(document, "OSVersion", owned_text(os_release("VERSION_ID")));
	json_object_set_new(document, "OSType", json_string("linux"));
	json_object_set_new(document, "Architecture", json_string_nocheck(kernel.machine));
	json_object_set_new(document, "NCPU", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_set_new(document, "MemTotal",
			    json_integer((json_int_t)memory.totalram * (json_int_t)memory.mem_unit));
	json_object_set_new(document, "Name", json_string_nocheck(kernel.nodename));
}

static json_t *client_info(void)
{
	return json_pack("{s:b, s:{s:s}, s:s, s:s, s:[], s:[]}", "Debug", 0, "Platform", "Name", "Coracle", "Version",
			 CORACLE_VERSION, "Context", "default", "Plugins", "Warnings");
}

int engine_info(struct engine *engine, json_t **ret_document, struct error *err)
{
	cleanup_json json_t *document = json_object();
	char now[TIME_TEXT_SIZE];
	if (add_counts(engine, document, err) < 0)
		return -1;
	time_format_rfc3339(time_now(), now);
	json_object_set_new(document, "Driver", json_string("overlay"));
	json_object_set_new(document, "DriverStatus",
			    json_pack("[[s,s]]", "Backing Filesystem", file_system_name(engine->store->root_fd)));
	json_object_set_new(document, "Plugins",
			    json_pack("{s:[s], s:[s,s,s], s:[s]}", "Volume", "local", "Network", "bridge", "host",
				      "null", "Log", "json-file"));
	json_object_set_new(document, "SystemTime", json_string(now));
	json_object_set_new(document, "LoggingDriver", json_string("json-file"));
	if (add_cgroups(document, err) < 0)
		return -1;
	add_host(document);
	json_object_set_new(document, "DockerRootDir", json_string_nocheck(engine->store->root));
	json_object_set_new(document, "RunRootDir", json_string_nocheck(engine->store->run_root));
	json_object_set_new(document, "Labels", json_array());
	json_object_set_new(document, "ServerVersion", json_string(CORACLE_VERSION));
	json_object_set_new(document, "SecurityOptions", json_pack("[s]", "name=seccomp,profile=builtin"));
	json_object_set_new(document, "Warnings", json_array());
	json_object_set_new(document, "ClientInfo", client_info());
	*ret_document = steal_pointer(&document);
	return 0;
}

/* What Docker tells of its build and its API, and is nothing here: scripts that ask find it empty. */
static json_t *program_version(void)
{
	struct platform platform;
	platform_host(&platform);
	json_t *document =
		json_pack("{s:{s:s}, s:s, s:s, s:s, s:s}", "Platform", "Name", "Coracle", "Version", CORACLE_VERSION,
			  "ApiVersion", "", "Os", platform.os, "Arch", platform.architecture);
	static const char *const nothing[] = {"GitCommit", "GoVersion", "BuildTime"};
	for (size_t i = 0; i < ARRAY_SIZE(nothing); i++)
		json_object_set_new(document, nothing[i], json_string(""));
	return document;
}

json_t *engine_version(void)
{
	struct utsname kernel;
	uname(&kernel);
	json_t *client = program_version(), *server = program_version();
	json_object_set_new(client, "Context", json_string("default"));
	json_object_set_new(server, "MinAPIVersion", json_string(""));
	json_object_set_new(server, "KernelVersion", json_string_nocheck(kernel.release));
	json_object_set_new(server, "Components",
			    json_pack("[{s:s, s:s}]", "Name", "Engine", "Version", CORACLE_VERSION));
	return json_pack("{s:o, s:o}", "Client", client, "Server", server);
}
