/*
 * Uploads that are open. Between two requests of one upload its handle stays open here, so that what was written is not
 * read again to be hashed; of those that nobody is using, the longest unused is suspended where there are too many.
 *
 * An upload is used by one request at a time, which has a hold on it. The hold can be lost: a client whose connection
 * broke comes back on another one long before TCP tells us that the old one is dead, and wants to go on. So a request
 * whose connection is over, or brought nothing for UPLOAD_SILENCE, loses its upload to the next one that names it; it
 * notices when it enters its hold again, its connection is shut, and what it still brings is dropped. Whoever asks how
 * far an upload has come is therefore told an offset that only he can move.
 *
 *     upload_table_take() → (upload_hold_enter() → use hold->upload → upload_hold_leave())… → upload_table_give()
 *
 * Between enter and leave the upload cannot be taken away. take() has entered already.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/time.h"
#include "store/blob.h"

#define UPLOAD_SILENCE NANOSECONDS_PER_SECOND

struct upload_table;

struct upload_hold {
	struct blob_upload *upload; /* between enter and leave */
	/* The table's. */
	struct upload_hold *next;
	nanoseconds used; /* time_monotonic() of the last leave */
	int connection;	  /* a socket, or -1 */
	bool is_entered;
};

struct upload_table *upload_table_new(struct blob_store *blobs, size_t idle_limit);
void upload_table_free(struct upload_table *table); /* suspends all; none may be in use */

/*
 * id NULL: a fresh one. ERROR_CONFLICT while another request brings bytes for it, ERROR_NOT_FOUND where there is none.
 * `connection` is the socket of the request, or -1, and stays open as long as the hold lasts.
 */
int upload_table_take(struct upload_table *table, const char *id, int connection, struct upload_hold **ret_hold,
		      struct error *err);
/* false: another request has taken the upload over. */
bool upload_hold_enter(struct upload_table *table, struct upload_hold *hold);
void upload_hold_leave(struct upload_table *table, struct upload_hold *hold);
/* Out of the table for good, to be committed or aborted; has to be entered. Frees the hold. */
struct blob_upload *upload_hold_steal(struct upload_table *table, struct upload_hold *hold);
/* To be gone on with later; entered or not, lost or not. Frees the hold. */
void upload_table_give(struct upload_table *table, struct upload_hold *hold);
/* Closes all that nobody is using; they can be taken as before. */
void upload_table_suspend_idle(struct upload_table *table);
