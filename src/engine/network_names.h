/*
 * What names mean on networks that users made: RUN_ROOT/names/names, which the containers' resolvers read
 * (network/names.h has its form). Written anew whenever an endpoint comes or goes, or a container gets another name.
 */
#pragma once

#include "engine/engine.h"

int network_names_write(struct engine *engine, struct error *err);
/* The folder, as a descriptor that the resolver is given; owned. */
int network_names_open(struct engine *engine, struct error *err);
