#include <sys/utsname.h>

#include "cli/command.h"
#include "oci/platform.h"

int cmd_version(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	struct platform platform;
	platform_host(&platform);
	printf("Coracle:\n Version:           %s\n OS/Arch:           %s/%s\n", CORACLE_VERSION, platform.os,
	       platform.architecture);
	return 0;
}
