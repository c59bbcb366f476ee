/* Ranges of bytes: the Range header of RFC 9110 on downloads, and the Content-Range of OCI's chunked uploads. */
#pragma once

#include <stdint.h>

struct byte_range {
	uint64_t start;
	uint64_t size; /* bytes, 0 only where the whole is empty */
};

enum range_result {
	RANGE_WHOLE, /* no header, several ranges, or one that breaks the grammar: the whole is sent */
	RANGE_PART,
	RANGE_UNSATISFIABLE, /* 416 */
};

/* `header` may be NULL. *ret_range is filled for RANGE_WHOLE, too. */
enum range_result range_of_download(const char *header, uint64_t total, struct byte_range *ret_range);
/* "0-1023", also as "bytes 0-1023/2048" of RFC 9110. -1 where it is neither. */
int range_of_upload(const char *header, struct byte_range *ret_range);
