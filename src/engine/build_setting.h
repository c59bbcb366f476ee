/*
 * "type=local,dest=DIR": how --output, --cache-to and --cache-from write what they want. Fields are comma-separated
 * values (base/csv.h); a key is known whatever its letters' case, but for what it is about ("annotation.KEY").
 */
#pragma once

#include "base/error.h"
#include "base/string_list.h"

struct build_setting {
	char *type;		   /* NULL: none was given */
	struct string_list values; /* KEY=VALUE, without type; the last one of a key wins */
};

/* ERROR_INVALID, with buildx's "invalid value FIELD". */
int build_setting_parse(const char *text, struct build_setting *ret_setting, struct error *err);
void build_setting_release(struct build_setting *setting);
#define cleanup_build_setting CLEANUP(build_setting_release)

/* NULL where it was not given. */
const char *build_setting_get(const struct build_setting *setting, const char *key);
/* Go's ParseBool; the output stays as it was where the key was not given. */
int build_setting_flag(const struct build_setting *setting, const char *key, bool *ret_value, struct error *err);
/* Refuses a key that is not in `known` (ends with NULL; "annotation." stands for all that begin so). */
int build_setting_check(const struct build_setting *setting, const char *option, const char *const *known,
			struct error *err);
