/* The Link header of paged answers: what is taken for the next page stands between the brackets of a link. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "transfer/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	cleanup_free char *header = duplicate_bytes(bytes, size);
	cleanup_free char *next = link_next(header);
	if (next) {
		cleanup_free char *link = format_string("<%s>", next);
		if (strchr(next, '>') || !strstr(header, link) || !strcasestr(header, "next"))
			abort();
	}
	/* In front of it, a good one wins over whatever follows. */
	cleanup_free char *longer = format_string("</v2/_catalog?n=1>; rel=\"next\", %s", header);
	cleanup_free char *first = link_next(longer);
	if (!first || strcmp(first, "/v2/_catalog?n=1") != 0)
		abort();
	return 0;
}
