/* /dev of a container: the nodes that Docker gives to all, and with --privileged those of the host. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/spec.h"

struct device_node {
	char *name; /* below /dev; a folder is listed before what it holds */
	mode_t mode;
	dev_t number;
	uid_t owner;
	gid_t group;
};

struct device_list {
	struct device_node *nodes;
	size_t count;
};

/* The nodes and folders of the host's /dev, but for what a container has of its own (pts, shm, mqueue, console, fd …).
 */
int device_list_read_host(struct device_list *ret_list, struct error *err);
void device_list_release(struct device_list *list);

/*
 * Fills the container's /dev, a fresh tmpfs at dev_fd, with the default nodes and links, and those of `more`.
 * ret_null_fd gets an O_PATH descriptor of /dev/null that has been checked to be just that: masks.c puts it on files.
 */
int devices_make(int dev_fd, const struct device_list *more, int *ret_null_fd, struct error *err);

/*
 * --device: makes the nodes, and the folders to them, anywhere in the container's root; one that is there already must
 * be the same device. Behind the user's mounts.
 */
int devices_add(int root_fd, const struct spec_device *devices, size_t count, struct error *err);
