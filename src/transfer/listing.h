/*
 * Lists that come in pages: tags of a repository, the catalogue of a registry (OCI distribution specification v1.1,
 * "Listing Tags"; Docker's registry API, "Listing Repositories"). The next page is where the Link header says, at the
 * registry itself. However long the other side makes it, a list has an end here: LISTING_PAGES pages of
 * LISTING_PAGE_SIZE bytes, LISTING_NAMES names, and LISTING_EMPTY_PAGES pages in a row that have none.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/string_list.h"
#include "transfer/http.h"
#include "transfer/registry.h"

#define LISTING_PAGES	    1000
#define LISTING_PAGE_SIZE   ((size_t)4 * 1024 * 1024)
#define LISTING_NAMES	    ((size_t)100000)
#define LISTING_EMPTY_PAGES 16

struct listing {
	const char *path;   /* "/v2/_catalog", below the registry's base */
	const char *member; /* of each page's document: the array of names */
	unsigned page;	    /* names that a page is asked for */
	const struct string_list *scopes;
	/* Called for each name; false: enough. */
	bool (*take)(void *context, const char *name);
	void *context;
};

/* ERROR_LIMIT past the bounds. Names are text of the other side: check them before use. */
int listing_read(struct registry *registry, struct http *http, const struct listing *listing, struct error *err);
