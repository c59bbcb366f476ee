/*
 * The root of a stage or an image as one tree: an overlay of its layers' folders, mounted nowhere. fsmount(2) gives a
 * descriptor of a detached mount, which is all that openat2(2) needs: no mount namespace, no mount point, no helper
 * process, and when the process dies, however it dies, the kernel takes the mount away with the descriptor.
 *
 * The mount is nodev, nosuid and noexec: layers hold what somebody else put there.
 */
#pragma once

#include "oci/digest.h"
#include "store/layer_folder.h"
#include "store/store.h"

struct rootfs_view {
	int root_fd;		    /* owned; the tree */
	struct layer_staging empty; /* an empty folder, where overlayfs wants one more */
};

#define ROOTFS_VIEW_INIT ((struct rootfs_view){.root_fd = -1, .empty = LAYER_STAGING_INIT})

/*
 * The layers without repetition, base first, into ret_unique (room for count); returns how many they are. A layer may
 * come twice in an image (two steps that made the same change; old images' empty layers), and overlayfs takes a folder
 * once (ELOOP). The upper one says all that the lower one says, so the lower one is left out.
 */
size_t rootfs_unique_layers(const struct digest *diff_ids, size_t count, struct digest *ret_unique);

/* Read-only where upper_fd is -1; else what is written lands in upper, as overlayfs writes it. */
int rootfs_view_open(struct store *store, const struct digest *diff_ids, size_t count, int upper_fd, int work_fd,
		     struct rootfs_view *ret_view, struct error *err);
/*
 * The same read-only tree with one more folder on top, which is in overlayfs' form and need not be a stored layer: what
 * a container has written. It may go on writing there meanwhile: what is read is then of different instants.
 */
int rootfs_view_open_below(struct store *store, const struct digest *diff_ids, size_t count, int top_fd,
			   struct rootfs_view *ret_view, struct error *err);
/*
 * An overlay of any folders, the top one first, as a detached mount; ret_fd is owned. Folders of other detached mounts
 * need Linux 6.15. Without an upper folder overlayfs wants two lower ones.
 */
int rootfs_view_mount(const int *lower_fds, size_t count, int upper_fd, int work_fd, int *ret_fd, struct error *err);
void rootfs_view_release(struct rootfs_view *view);
#define cleanup_rootfs_view CLEANUP(rootfs_view_release)
