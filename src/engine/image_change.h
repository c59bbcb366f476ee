/* `import --change`: instructions of a Dockerfile that change an image's configuration alone. */
#pragma once

#include "base/string_list.h"
#include "oci/image_config.h"

/*
 * CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR, in their order and
 * with the Dockerfile's rules. ERROR_INVALID names the change; in Docker's words "FROM is not a valid change command".
 */
int image_change_apply(struct image_config *config, const struct string_list *changes, struct error *err);
