/*
 * What the resolver of a container knows: RUN_ROOT/names/names, a line an endpoint,
 *
 *     NETWORK internal|open CONTAINER IPV4 IPV6|- NAME…
 *
 * CONTAINER being the first 12 digits of the id, and the first NAME the container's. Read anew when the file is another
 * one. A container sees what is on its own networks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "network/dns_message.h"

struct names {
	const char *text; /* ends with a NUL */
	const char *container;
};

/* Whether the container is on a network that is not internal, so that others may be asked. */
bool names_is_open(const struct names *names);
/* Adds what is asked for; false: the name is none of ours. */
bool names_answer(const struct names *names, const struct dns_question *question, struct dns_answer *answer);
