/*
 * The file system of a container as its processes see it, volumes and all, as one descriptor. Whoever has it opens
 * everything with open_in_root(), and the kernel confines it, whatever the container's processes rename, link or mount
 * meanwhile.
 *
 * Theory of operation. A running container's root is that of its mount namespace. A forked child enters that namespace,
 * and that alone, by the pidfd of the container's first process, and waits; we open the child's root through /proc and
 * let it end. The child runs nothing of the container, is of no namespace in which the container could see it, and is
 * not dumpable. A stopped one's root is made as a start makes it: an overlay of its layers and of what it wrote, in a
 * mount namespace that nobody else sees, with the volumes in place. It is held meanwhile, as by a start. That namespace
 * lives as long as our descriptor, so that nothing is left behind, however we end.
 */
#pragma once

#include "build/rootfs_view.h"
#include "engine/container_config.h"
#include "engine/engine.h"
#include "engine/state.h"

struct container_root {
	struct container_record record;
	struct container_config config;
	int fd; /* O_PATH; "/" */
	bool is_running;
	/* What keeps it alive. */
	int namespace_fd, content_lock;
	struct rootfs_view view;
	struct container_hold hold;
};

/* ERROR_NOT_FOUND "No such container: x". */
int container_root_open(struct engine *engine, const char *name, struct container_root *ret_root, struct error *err);
void container_root_release(struct container_root *root);
#define cleanup_container_root CLEANUP(container_root_release)
void container_root_init(struct container_root *root);

/* What may be written there, by the mount that `fd` lies in: ERROR_DENIED with Docker's words, "container rootfs is
 * marked read-only" or "mounted volume is marked read-only". */
int container_root_check_writable(const struct container_root *root, int fd, struct error *err);
