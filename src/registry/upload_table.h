/*
 * Uploads that are open. Between two requests of one upload its handle stays open here, so that what was written is not
 * read again to be hashed; of those that nobody is using, the longest unused is suspended where there are too many.
 * An upload is used by one request at a time.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "store/blob.h"

struct upload_table;

struct upload_table *upload_table_new(struct blob_store *blobs, size_t idle_limit);
void upload_table_free(struct upload_table *table); /* suspends all; none may be in use */

/* id NULL: a fresh one. ERROR_CONFLICT while another request has it, ERROR_NOT_FOUND where there is none. */
int upload_table_take(struct upload_table *table, const char *id, struct blob_upload **ret_upload, struct error *err);
/* To be gone on with later. */
void upload_table_give(struct upload_table *table, struct blob_upload *upload);
/* Closes all that nobody is using; they can be taken as before. */
void upload_table_suspend_idle(struct upload_table *table);
