#include <string.h>

#include "cli/command.h"
#include "engine/login.h"
#include "oci/reference.h"

int cmd_logout(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	cleanup_free char *domain = registry_domain_of(count ? arguments[0] : NULL);
	bool was_logged_in;
	if (registry_logout(domain, &was_logged_in, err) < 0)
		return -1;
	/* Docker's own name for its registry, in this one place. */
	const char *shown = strcmp(domain, REFERENCE_DEFAULT_DOMAIN) == 0 ? "https://index.docker.io/v1/" : domain;
	printf(was_logged_in ? "Removing login credentials for %s\n" : "Not logged in to %s\n", shown);
	return 0;
}
