/* The file that layer_record.c writes and layer_archive.c reads. */
#pragma once

#include "base/error.h"
#include "oci/digest.h"

#define LAYER_RECORD_MAGIC     "coracle layer 1\n" /* fills the field; no NUL behind it */
#define LAYER_RECORD_PATH_SIZE (DIGEST_TEXT_SIZE + 16)

struct layer_record_head {
	char magic[16];
	unsigned char size[8];
};

/* "records/sha256/<hex>", below layers/. */
int layer_record_path(const struct digest *diff_id, char path[LAYER_RECORD_PATH_SIZE], struct error *err);
