#include "build/predefined.h"

#include <string.h>

#include "base/memory.h"

bool build_argument_is_proxy(const char *key)
{
	static const char *const names[] = {
		"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY",
		"ftp_proxy",  "NO_PROXY",   "no_proxy",	   "ALL_PROXY",	  "all_proxy",
	};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], key) == 0)
			return true;
	return false;
}

bool build_argument_is_predefined(const char *key)
{
	return build_argument_is_proxy(key) || strcmp(key, "SOURCE_DATE_EPOCH") == 0 ||
	       strncmp(key, "BUILDKIT_", 9) == 0;
}
