#include "cli/command.h"
#include "engine/login.h"
#include "oci/reference.h"

int cmd_logout(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	const char *domain = count ? arguments[0] : REFERENCE_DEFAULT_DOMAIN;
	bool was_logged_in;
	if (registry_logout(domain, &was_logged_in, err) < 0)
		return -1;
	printf(was_logged_in ? "Removing login credentials for %s\n" : "Not logged in to %s\n", domain);
	return 0;
}
