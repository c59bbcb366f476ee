/* The container's root: layers under an upper folder, made the root of the calling process's mount namespace. */
#pragma once

#include "base/error.h"
#include "runtime/spec.h"

/* In the parent: the root as a detached mount, owned by the caller. `err` is needed. */
int rootfs_prepare(const struct runtime_spec *spec, struct error *err);
/*
 * In a new mount namespace: cuts it off from the host's, makes the mount "/" and lets go of the host's tree. Afterwards
 * no path, whatever links it goes through, leads to the host.
 */
int rootfs_enter(int root_mount_fd, struct error *err);

/* The two ways of giving the layers to overlayfs, for rootfs_prepare and its test: one option a layer (Linux 6.7; errno
 * EINVAL from an older one), and all in one string. */
int rootfs_overlay(const struct runtime_spec *spec, struct error *err);
int rootfs_overlay_classic(const struct runtime_spec *spec, struct error *err);
