/*
 * RUN --mount (Dockerfile reference, "RUN --mount"): a comma-separated row of key=value, fields in double quotes as CSV
 * has them.
 *
 *     type=bind    target, source, from, rw                         read-only unless rw; what is written is dropped
 *     type=cache   target, id, ro, sharing, from, source, mode, uid, gid
 *     type=tmpfs   target, size
 *     type=secret  id, target, env, required, mode, uid, gid
 *     type=ssh     id, target, required, mode, uid, gid
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "build/expand.h"

enum run_mount_type { RUN_MOUNT_BIND, RUN_MOUNT_CACHE, RUN_MOUNT_TMPFS, RUN_MOUNT_SECRET, RUN_MOUNT_SSH };
enum run_mount_sharing { RUN_MOUNT_SHARED, RUN_MOUNT_PRIVATE, RUN_MOUNT_LOCKED };

struct run_mount {
	enum run_mount_type type;
	char *from, *source, *target, *id, *environment; /* NULL: not said */
	bool read_only;
	bool required;
	int64_t size; /* tmpfs; 0: not said */
	enum run_mount_sharing sharing;
	bool has_mode, has_user, has_group;
	mode_t mode;
	uid_t user;
	gid_t group;
};

void run_mount_release(struct run_mount *mount);
/*
 * Without `expansion` only what is certain before variables are known is said and checked: the form, and `from`, which
 * takes no variables.
 */
int run_mount_parse(const char *text, const struct expansion *expansion, struct run_mount *ret_mount,
		    struct error *err);
const char *run_mount_type_name(enum run_mount_type type); /* "bind" */
