#include "engine/export.h"

#include <unistd.h>

#include "archive/layer.h"
#include "build/rootfs_view.h"
#include "engine/container_diff.h"
#include "store/container.h"

int container_export(struct engine *engine, const char *name, const struct sink *archive, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	cleanup_rootfs_view struct rootfs_view view = ROOTFS_VIEW_INIT;
	cleanup_free struct digest *layers = NULL;
	cleanup_close int lock = -1, written = -1;
	const struct layer_diff_options form = {.form = LAYER_FORM_TREE, .owner = LAYER_OWNER_KEEP};
	size_t count = 0;
	/* Nothing that it reads may be collected meanwhile. */
	if (container_find(engine->store, name, &record, err) < 0 ||
	    store_lock_content(engine->store, STORE_LOCK_SHARED, &lock, err) < 0 ||
	    container_layers(engine->store, record.id, &layers, &count, err) < 0)
		return -1;
	written = container_open_written(engine, record.id);
	if (rootfs_view_open_below(engine->store, layers, count, written, &view, err) < 0 ||
	    layer_diff(view.root_fd, &form, archive, NULL, err) < 0)
		return error_wrap(err, "export %s", name);
	return 0;
}
