/* A file of the web comes into the blob store: any host, plain http too, no credentials. */
#pragma once

#include "engine/engine.h"
#include "oci/digest.h"

struct fetched_file {
	struct digest digest;
	int64_t modified; /* seconds since 1970; 0: the server did not say */
};
/* `expected`: where it is neither NULL nor unset, nothing else is taken. The caller holds the content lock. */
int file_fetch(struct engine *engine, const char *url, const struct digest *expected, struct fetched_file *ret_file,
	       struct error *err);
