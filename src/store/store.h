/*
 * The engine's state on disk: ROOT (durable; /var/lib/coracle) and RUN_ROOT (gone after a reboot; /run/coracle).
 *
 *     ROOT/coracle.db            SQLite in WAL mode: images, tags, layers, containers, networks, build cache, volumes;
 *                                whoever finds another writer there waits in ROOT/coracle.db-queue
 *     ROOT/blobs/                manifests, configs, compressed layers (blob.h)
 *     ROOT/layers/               unpacked layers (layer_folder.h)
 *     ROOT/containers/<id>/      upper/, work/, logs/, hostname, hosts, resolv.conf
 *     ROOT/removed-logs/         logs of containers that are gone (engine/removed_logs.h)
 *     ROOT/volumes/<name>/_data
 *     ROOT/cache/                compiled seccomp filters
 *     ROOT/cache/compressed/     what layers became by compression
 *     ROOT/cache/mounts/         what RUN --mount=type=cache keeps (cache_mount.h)
 *     ROOT/lock                  flock: shared while content is added, exclusive while it is collected
 *     RUN_ROOT/containers/<id>/  what the monitor keeps: lock, status, attach.sock (monitor/protocol.h)
 *
 * Every folder is 0700 or 0710 and root's. Order of writing: files first (temporary, fsync, rename), then one
 * transaction that makes them known. So a file that no row names is garbage, and a row never names a missing file.
 * Steps of builds are synced at the end of the build, all at once (boot_folder.h); their rows in the build cache may be
 * all that a power cut leaves of them. Commits of images and tags are durable (synchronous=FULL). Those of containers
 * use synchronous=NORMAL: after a power cut the last ones may be missing as a whole, never torn; a container does not
 * outlive a power cut anyway.
 */
#pragma once

#include <sqlite3.h>

#include "base/error.h"
#include "base/string_list.h"
#include "store/blob.h"

struct store {
	char *root;	/* absolute path, for messages and for children */
	char *run_root; /* absolute path */
	int root_fd;
	int run_root_fd;
	sqlite3 *database;
	struct blob_store *blobs;
};

/*
 * A store is not carried through fork(): SQLite's locks and descriptors belong to one process. A child opens its own
 * and leaves the one of its parent alone.
 */

/* Opens, and creates what is missing. Fast: no scan, no fsync where nothing changed. */
int store_open(const char *root, const char *run_root, struct store **ret_store, struct error *err);
void store_free(struct store *store);
/* Around a fork after which both processes go on with the store: closed before it, opened by each of them after it. */
void store_close_database(struct store *store);
int store_open_database(struct store *store, struct error *err);
static inline void store_free_pointer(struct store **store)
{
	store_free(*store);
}
#define cleanup_store CLEANUP(store_free_pointer)

/*
 * Content lock. Whoever adds blobs or layers holds it shared from before the first byte until the transaction that
 * names them; whoever removes unnamed ones holds it exclusively. Returns an owned descriptor; closing it unlocks; a
 * child that inherits it keeps it. Waits for at most a minute, then ERROR_CONFLICT. A process that holds it shared may
 * take it shared again.
 */
enum store_lock_mode { STORE_LOCK_SHARED, STORE_LOCK_EXCLUSIVE, STORE_LOCK_TRY_EXCLUSIVE /* ERROR_CONFLICT if held */ };
int store_lock_content(struct store *store, enum store_lock_mode mode, int *ret_fd, struct error *err);

/*
 * What builds have made in this boot (boot_folder.h) becomes durable; does nothing where nothing is left to do. Under
 * the content lock. store_settle_for_row: and so does what others have settled a moment ago; before a row of an image.
 */
int store_settle(struct store *store, struct error *err);
int store_settle_for_row(struct store *store, struct error *err);

/*
 * Removes what no row names: blobs, layers and what is remembered of them, staging folders, container folders,
 * addresses and ports of containers that are gone, uploads that nobody has written to for a day, and what builds had
 * not made durable when the machine went down. Takes the lock exclusively. What is in use by a mount is left for the
 * next time.
 */
struct store_collected {
	uint64_t bytes;
	uint64_t blobs;
	uint64_t layers;
};
int store_collect(struct store *store, struct store_collected *ret_collected, struct error *err);
/* The same where nobody adds content now; else ERROR_CONFLICT, and a later command does it. */
int store_collect_if_free(struct store *store, struct error *err);
/* The same, and uploads of any age: for whoever asks for room rather than for a transfer that can be resumed. */
int store_collect_all(struct store *store, struct store_collected *ret_collected, struct error *err);
/* Only staging folders, and those of other boots: what processes that were killed have begun. ERROR_CONFLICT while
 * content is added. */
int store_collect_staging(struct store *store, struct error *err);
/* Names what store_collect() would remove of blobs, layers and containers, and removes nothing. ERROR_CONFLICT while
 * content is added. */
int store_list_garbage(struct store *store, struct string_list *ret_names, struct error *err);
