#include <sys/utsname.h>

#include "cli/command.h"
#include "engine/list.h"
#include "store/image.h"

int cmd_info(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	cleanup_engine struct engine *engine = NULL;
	cleanup_container_views struct container_views views = {0};
	cleanup_image_list struct image_list images = {0};
	struct utsname kernel;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0 || container_view_list(engine, true, &views, err) < 0 ||
	    image_list(engine->store, NULL, &images, err) < 0)
		return -1;
	size_t running = 0;
	for (size_t i = 0; i < views.count; i++)
		running += views.items[i].state.status == CONTAINER_RUNNING;
	uname(&kernel);
	printf("Containers: %zu\n Running: %zu\n Stopped: %zu\nImages: %zu\nVersion: %s\nStorage Driver: overlay\n"
	       "Kernel Version: %s\nArchitecture: %s\nName: %s\nRoot Dir: %s\nRun Root Dir: %s\n",
	       views.count, running, views.count - running, images.count, CORACLE_VERSION, kernel.release,
	       kernel.machine, kernel.nodename, engine->store->root, engine->store->run_root);
	return 0;
}
