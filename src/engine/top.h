/*
 * `top`: the processes of a container as ps would show them. They are read from our own /proc; no program of the image
 * or of the host runs (CVE-2022-1227). What a process says of itself is printed with its control characters as '?'.
 */
#pragma once

#include "base/string_list.h"
#include "engine/engine.h"

struct top_table {
	struct string_list titles;
	struct string_list cells; /* row after row, by process id */
};
void top_table_release(struct top_table *table);
#define cleanup_top_table CLEANUP(top_table_release)

/*
 * `options` are ps' own, as far as they choose columns: none or "-ef", "aux", "-eo LIST", "-o LIST", "-o" and LIST as
 * separate words. ERROR_UNSUPPORTED names another. Docker's words where it does not run: "container ID is not running".
 */
int container_top(struct engine *engine, const char *name, const struct string_list *options,
		  struct top_table *ret_table, struct error *err);
