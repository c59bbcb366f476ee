/* Repositories of a registry, by a part of their name. */
#pragma once

#include "engine/registry_request.h"

struct search_result {
	char *name; /* with its registry, unless that is Docker Hub */
	char *description;
	int64_t stars;
	bool is_official;
};

struct search_results {
	struct search_result *items;
	size_t count;
};
void search_results_release(struct search_results *results);
#define cleanup_search_results CLEANUP(search_results_release)

#define SEARCH_LIMIT_MAX 100

/*
 * `text` is what a user typed: "TERM" for Docker Hub, "HOST/TERM" or "HOST/" for another registry, where a host is what
 * it is in a reference. ERROR_UNSUPPORTED where the registry offers no search and no catalogue.
 */
int registry_search(const char *text, int64_t limit, bool is_insecure, struct search_results *ret_results,
		    struct error *err);
