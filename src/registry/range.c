#include "registry/range.h"

#include <string.h>
#include <strings.h>

#include "registry/number.h"

enum range_result range_of_download(const char *header, uint64_t total, struct byte_range *ret_range)
{
	*ret_range = (struct byte_range){0, total};
	if (!header || strncasecmp(header, "bytes=", 6) != 0)
		return RANGE_WHOLE;
	const char *at = header + 6;
	uint64_t first, last = UINT64_MAX;
	if (*at == '-') {
		at++;
		if (!number_scan(&at, &last) || *at)
			return RANGE_WHOLE;
		if (last == 0 || total == 0)
			return RANGE_UNSATISFIABLE;
		uint64_t size = last < total ? last : total;
		*ret_range = (struct byte_range){total - size, size};
		return RANGE_PART;
	}
	if (!number_scan(&at, &first) || *at++ != '-')
		return RANGE_WHOLE;
	if (*at && (!number_scan(&at, &last) || *at || last < first))
		return RANGE_WHOLE;
	if (first >= total)
		return RANGE_UNSATISFIABLE;
	if (last >= total)
		last = total - 1;
	*ret_range = (struct byte_range){first, last - first + 1};
	return RANGE_PART;
}

int range_of_upload(const char *header, struct byte_range *ret_range)
{
	uint64_t first, last;
	if (strncasecmp(header, "bytes", 5) == 0) {
		header += 5;
		header += strspn(header, " =");
	}
	if (!number_scan(&header, &first) || *header++ != '-' || !number_scan(&header, &last) || last < first)
		return -1;
	if (*header && *header != '/')
		return -1;
	*ret_range = (struct byte_range){first, last - first + 1};
	return 0;
}
