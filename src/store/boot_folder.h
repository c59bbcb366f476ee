/*
 * Content that is good until the machine goes down: what the steps of a build make. Nobody is told of it before the
 * build says that it is done, so that none of it is waited for; a killed process does not take what it wrote along, so
 * that a later build finds it all the same.
 *
 *     blobs/boot-<the kernel's boot id>/sha256/<hex>     as blobs/sha256/<hex> and
 *     layers/boot-<the kernel's boot id>/sha256/<hex>    layers/sha256/<hex>, but not synced
 *
 * Whoever looks for a blob or a layer finds it in either place. store_settle() makes all of this boot's durable, by one
 * syncfs, and moves it to where it belongs; no image's row is written before that (store/image.c). Rows of the build
 * cache may name what is here. After a power cut the folder has the name of another boot: nobody looks into it, and a
 * collection takes it away with the rows that named what was in it. The folder itself is made durable when it is made,
 * so that it is there to tell.
 *
 * Where the kernel does not tell its boot id there is no such folder, and content is durable at once.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "oci/digest.h"

#define BOOT_FOLDER_SIZE 48
#define BOOT_PLACE_SIZE	 (BOOT_FOLDER_SIZE + DIGEST_TEXT_SIZE + 2)

/* "boot-<id>"; NULL where it is not known. */
const char *boot_folder_name(void);
/* The name is of another boot's, as far as we know ours. */
bool boot_folder_is_old(const char *name);

/* blobs/ or layers/ is `folder_fd`. Opens boot-<id>/<algorithm> there, made where it is missing. */
int boot_folder_open(int folder_fd, enum digest_algorithm algorithm, struct error *err);

/*
 * The places where "sha256/<hex>" may be, one for each `attempt` from 0 on: its own, this boot's, and its own once
 * more, since it may have been moved in between. False: there are no more.
 */
bool boot_folder_place(unsigned attempt, const char *path, char place[BOOT_PLACE_SIZE]);
