#include "engine/login.h"

#include <string.h>

#include "base/json.h"
#include "oci/reference.h"
#include "transfer/client.h"
#include "transfer/credentials.h"

char *registry_domain_of(const char *server)
{
	if (!server)
		return duplicate_string(REFERENCE_DEFAULT_DOMAIN);
	const char *scheme = strstr(server, "://");
	if (scheme)
		server = scheme + 3;
	return format_string("%.*s", (int)strcspn(server, "/"), server);
}

int registry_login(const char *domain, const char *username, const char *password, bool is_insecure, char **ret_path,
		   struct error *err)
{
	cleanup_json json_t *request = json_pack("{s:s, s:s, s:s, s:s, s:b}", "operation", "login", "domain", domain,
						 "username", username, "password", password, "insecure", is_insecure);
	if (!request)
		return error_set(err, ERROR_INVALID, "the user name or password is not UTF-8");
	cleanup_json json_t *done = NULL;
	cleanup_free char *path = NULL;
	if (transfer_request(request, NULL, NULL, &done, err) < 0 ||
	    credentials_store(domain, username, password, &path, err) < 0)
		return -1;
	if (ret_path)
		*ret_path = steal_pointer(&path);
	return 0;
}

int registry_logout(const char *domain, bool *ret_was_logged_in, struct error *err)
{
	return credentials_erase(domain, ret_was_logged_in, err);
}
