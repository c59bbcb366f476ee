/* HostConfig's part of what a container may use and share, for inspect_container.c. */
#pragma once

#include "engine/container_config.h"

void inspect_add_resources(json_t *host, const struct container_config *config);
/* Namespaces, masked paths, sysctls, annotations. */
void inspect_add_modes(json_t *host, const struct container_config *config);
json_t *inspect_security_options(const struct container_config *config); /* null where there are none */
