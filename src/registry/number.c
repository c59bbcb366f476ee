#include "registry/number.h"

bool number_scan(const char **at, uint64_t *ret_number)
{
	const char *digit = *at;
	uint64_t number = 0;
	for (; *digit >= '0' && *digit <= '9'; digit++) {
		if (number > ((uint64_t)INT64_MAX - 9) / 10)
			return false;
		number = number * 10 + (uint64_t)(*digit - '0');
	}
	if (digit == *at)
		return false;
	*at = digit;
	*ret_number = number;
	return true;
}

bool number_parse(const char *text, uint64_t *ret_number)
{
	return number_scan(&text, ret_number) && !*text;
}
