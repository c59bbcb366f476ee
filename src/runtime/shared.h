/* /dev/shm of the host (--ipc host) or of another container (--ipc container:ID). */
#pragma once

#include "base/error.h"
#include "runtime/spec.h"

/*
 * In the parent, which has one thread: a detached mount, owned; -1 where the container has one of its own, or none. For
 * another container's it is for a moment in the mount namespace of that one.
 */
int shared_memory_mount(const struct runtime_spec *spec, int *ret_mount_fd, struct error *err);
