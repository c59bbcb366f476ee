/*
 * What RUN --mount=type=bind shows: the files themselves, mounted, not a copy of them.
 *
 *     of a stage or an image   its layers' overlay (rootfs_view.h), and the source in it
 *     of the build context     the folder on the host, read-only. Three things make it the context and no more than
 *                              that, as COPY would give it:
 *                              - what .dockerignore takes out, and sockets, are hidden by whiteouts of an overlay
 *                                above it;
 *                              - files belong to 0:0: where they have another owner on the host, the mount maps that
 *                                one (mount_setattr(2), idmapped mounts);
 *                              - a link does not lead out: the source is found by content_open().
 *     rw                       an overlay whose upper folder is dropped after the step
 *
 * A context with files of several owners, with named pipes, or of several file systems cannot be shown so, nor can one
 * on a file system that knows no mapping, nor a mount of a mount before Linux 6.15: bind_view_open returns 1, and the
 * caller copies.
 *
 * What changes in the context while the step runs is seen by it: it is the user's own folder. Nothing of the step is
 * seen there: the mount is read-only, and sockets and pipes, which work both ways, are not in it.
 */
#pragma once

#include "build/content.h"
#include "build/rootfs_view.h"

struct bind_view {
	struct layer_staging mask, upper, work;
	int tree_fd; /* a detached mount; -1: none was needed */
	int fd;	     /* O_PATH: what is to be mounted */
};
#define BIND_VIEW_INIT                                                                                                 \
	((struct bind_view){.mask = LAYER_STAGING_INIT,                                                                \
			    .upper = LAYER_STAGING_INIT,                                                               \
			    .work = LAYER_STAGING_INIT,                                                                \
			    .tree_fd = -1,                                                                             \
			    .fd = -1})

/* `source` is a path of content_find(). Returns 1 where it has to be copied. */
int bind_view_open_context(struct store *store, const struct content_root *context, const char *source, bool writable,
			   struct bind_view *ret_view, struct error *err);
/* The layers are those of the stage or image, base first. */
int bind_view_open_layers(struct store *store, const struct digest *diff_ids, size_t count, const char *source,
			  bool writable, struct bind_view *ret_view, struct error *err);
void bind_view_release(struct bind_view *view);
#define cleanup_bind_view CLEANUP(bind_view_release)
