/* `ps --filter`. */
#pragma once

#include "engine/filter.h"
#include "engine/list.h"

/*
 * Those that pass all filters, newest first. Values of one name are alternatives, but for labels.
 *     id, name           the whole, a part, or a regular expression
 *     label, label!      KEY or KEY=VALUE
 *     status             created, running, paused, exited; asks for all containers. restarting, removing and dead are
 *                        taken, and no container is in them
 *     exited             its exit code
 *     ancestor           made of this image or of one built on it
 *     before, since      created earlier, later than a container
 *     volume             name, or place in the container
 *     network            a name or an id, host, none
 *     publish, expose    PORT, PORT-PORT, with /tcp or /udp; without, tcp
 *     health, is-task    known; no container has the one or is the other here
 * ERROR_INVALID in Docker's words: "invalid filter 'x'", "invalid filter 'status=[x]'".
 */
int container_view_list_filtered(struct engine *engine, bool all, const struct string_list *filters,
				 struct container_views *ret_views, struct error *err);

/* Pure, for tests: whether "PORT[-PORT][/PROTO]" has this port. ERROR_INVALID where it is none of that. */
int container_filter_port(const char *name, const char *value, uint16_t port, enum port_protocol protocol,
			  bool *ret_match, struct error *err);
