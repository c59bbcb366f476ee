/*
 * Unpacked layers as folders, keyed by diff id (the digest of the plain tar):
 *     layers/sha256/<hex>/      a layer in overlayfs' form, never changed once it is there
 *     layers/staging/<random>/  one that is being unpacked; leftovers are removed by recovery
 *     layers/records/sha256/<hex>  what its archive has beside the files' contents (layer_record.h), for most layers
 *     layers/boot-<id>/        what is not synced yet (boot_folder.h)
 * No database here: coracle-transfer uses it too. A folder that exists under its digest is whole: it is filled under
 * staging, synced (syncfs) and renamed. Two writers of one layer may race; the second finds it there and drops its own.
 */
#pragma once

#include <stdbool.h>

#include "archive/layer.h"
#include "base/error.h"
#include "oci/digest.h"

struct layer_staging {
	int layers_fd; /* owned */
	char name[33];
	int folder_fd;	 /* owned; fill this */
	bool has_record; /* layers/staging/<name>.record goes where the folder goes */
};

/* `root_fd` is the store's root folder. */
bool layer_folder_exists(int root_fd, const struct digest *diff_id);
/* O_PATH descriptor of the folder, owned by the caller. */
int layer_folder_open(int root_fd, const struct digest *diff_id, int *ret_fd, struct error *err);
int layer_folder_remove(int root_fd, const struct digest *diff_id, struct error *err);

int layer_staging_begin(int root_fd, struct layer_staging *ret_staging, struct error *err);
/* Puts it in place; the staging is released on success. */
int layer_staging_commit(struct layer_staging *staging, const struct digest *diff_id, struct error *err);
/* The same for as long as the machine is up, without waiting for a disk; store_settle() does the rest (boot_folder.h).
 */
int layer_staging_keep(struct layer_staging *staging, int root_fd, const struct digest *diff_id, struct error *err);
/*
 * The same, where it stands in place of one that is damaged: that one is there until this one is, and gone then, with
 * its record. Nobody may have it mounted.
 */
int layer_staging_replace(struct layer_staging *staging, const struct digest *diff_id, struct error *err);
/*
 * One that is filled may wait for its place: it is synced now, and taken up by its name, by another process or by this
 * one when it has the content lock to itself. A collector may take it away before, all of it or nothing.
 */
struct layer_waiting {
	char name[33];
	bool has_record;
};
int layer_staging_leave(struct layer_staging *staging, struct layer_waiting *ret_waiting, struct error *err);
/* ERROR_NOT_FOUND where it was collected, ERROR_INVALID for a name that is none. */
int layer_staging_take(int root_fd, const struct layer_waiting *waiting, struct layer_staging *ret_staging,
		       struct error *err);
/* Removes it, unless it was committed. Safe on {.layers_fd = -1, .folder_fd = -1}. */
void layer_staging_release(struct layer_staging *staging);
#define LAYER_STAGING_INIT    ((struct layer_staging){.layers_fd = -1, .folder_fd = -1})
#define cleanup_layer_staging CLEANUP(layer_staging_release)

/* The plain archive fills what was begun, and its record (layer_record.h) is made on the way. limits NULL: defaults. */
int layer_staging_fill(struct layer_staging *staging, const struct source *tar, const struct layer_limits *limits,
		       struct layer_totals *ret_totals, struct error *err);

/*
 * One pass: a compressed or plain layer blob → inflate → sha256 → tar → folder → in place. The caller verifies the
 * blob's own digest around `blob` before it trusts the outcome, which is why the commit is separate:
 *     layer_unpack(root_fd, &blob, NULL, &staging, &diff_id, &totals, err), check the blob's digest, then
 *     layer_staging_commit(&staging, &diff_id, err).
 */
int layer_unpack(int root_fd, const struct source *blob, const struct layer_limits *limits,
		 struct layer_staging *ret_staging, struct digest *ret_diff_id, struct layer_totals *ret_totals,
		 struct error *err);
/* The same where it is not known yet by which algorithm the layer is named: ret_diff_ids has one of each. */
int layer_unpack_as_any(int root_fd, const struct source *blob, const struct layer_limits *limits,
			struct layer_staging *ret_staging, struct digest ret_diff_ids[DIGEST_ALGORITHM_COUNT],
			struct layer_totals *ret_totals, struct error *err);
