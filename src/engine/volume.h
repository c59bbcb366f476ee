/* What the `volume` commands do beyond the store: whether containers use a volume, filters, prune. */
#pragma once

#include "engine/engine.h"
#include "store/volume.h"

/* Docker's marker of an anonymous volume, shown among its labels and taken by the label filter. */
#define VOLUME_ANONYMOUS_LABEL "com.docker.volume.anonymous"

/*
 * Those that pass all filters, each "NAME=VALUE": dangling (true, false, 1, 0: no container uses it), driver, label
 * (KEY or KEY=VALUE), name (a part of it, or a regular expression). Values of the same name are alternatives, but for
 * labels, of which all must be there. Docker's words for others: "invalid filter 'x'".
 */
int volume_list_filtered(struct engine *engine, const struct string_list *filters, struct volume_list *ret_list,
			 struct error *err);
/* ERROR_CONFLICT "remove X: volume is in use - [ID, ID]". With `force`, one that is not there is success. */
int volume_remove_unused(struct engine *engine, const char *name, bool force, struct error *err);
/* The anonymous volumes of a container that goes; those that others have by --volumes-from stay. */
int volume_remove_of(struct engine *engine, const char *container_id, struct error *err);
/*
 * Removes those that no container uses and that pass the filters (label, label!, all): anonymous ones, or all.
 */
int volume_prune(struct engine *engine, bool all, const struct string_list *filters, struct string_list *ret_names,
		 uint64_t *ret_bytes, struct error *err);
