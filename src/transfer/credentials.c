#include "transfer/credentials.h"

#include <errno.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/base64.h"
#include "base/fd.h"
#include "base/json.h"
#include "transfer/credential_helper.h"

#define CONFIG_NAME	  "config.json"
#define CONFIG_SIZE_LIMIT ((size_t)1024 * 1024)
#define SECRET_SIZE_LIMIT ((size_t)64 * 1024)
#define DOCKER_HUB_KEY	  "https://index.docker.io/v1/"
#define DOCKER_HUB_HOST	  "index.docker.io"

struct config {
	char *folder;
	json_t *document; /* an object */
};

static void config_release(struct config *config)
{
	free(config->folder);
	json_decref(config->document);
}
#define cleanup_config CLEANUP(config_release)

static void erase_string(char **text)
{
	if (*text) {
		explicit_bzero(*text, strlen(*text));
		free(*text);
	}
	*text = NULL;
}
#define cleanup_secret CLEANUP(erase_string)

void credentials_release(struct credentials *credentials)
{
	free(credentials->username);
	erase_string(&credentials->password);
	credentials->username = NULL;
}

static int config_folder(char **ret_path, struct error *err)
{
	const char *folder = getenv("DOCKER_CONFIG");
	if (folder && *folder) {
		*ret_path = duplicate_string(folder);
		return 0;
	}
	const char *home = getenv("HOME");
	if (!home || !*home)
		return error_set(err, ERROR_NOT_FOUND,
				 "where credentials are kept is unknown: neither DOCKER_CONFIG nor HOME is set");
	*ret_path = format_string("%s/.docker", home);
	return 0;
}

/* A missing folder or file is an empty document. */
static int config_read(struct config *config, struct error *err)
{
	struct error why = {0};
	cleanup_buffer struct buffer text = {0};
	cleanup_close int folder_fd = open_folder(config->folder, false, 0, &why);
	if (folder_fd < 0 || read_file_at(folder_fd, CONFIG_NAME, CONFIG_SIZE_LIMIT, &text, &why) < 0) {
		if (why.kind != ERROR_NOT_FOUND) {
			*err = why;
			return error_wrap(err, "read %s/%s", config->folder, CONFIG_NAME);
		}
	}
	if (text.size == 0)
		config->document = json_object();
	else if (json_parse(text.bytes, text.size, &config->document, err) < 0)
		return error_wrap(err, "read %s/%s", config->folder, CONFIG_NAME);
	if (text.size)
		explicit_bzero(text.bytes, text.size);
	if (!json_is_object(config->document))
		return error_set(err, ERROR_INVALID, "%s/%s is not a JSON object", config->folder, CONFIG_NAME);
	return 0;
}

static int config_write(const struct config *config, struct error *err)
{
	cleanup_close int folder_fd = open_folder(config->folder, true, 0700, err);
	if (folder_fd < 0)
		return -1;
	/* Tabs as Docker writes it: the file is edited by hand, too. jansson has spaces only, which Docker reads alike.
	 */
	cleanup_secret char *text = json_dumps(config->document, JSON_INDENT(8));
	if (!text)
		return error_set(err, ERROR_INVALID, "the user's name or password is not UTF-8");
	return atomic_file_write(folder_fd, CONFIG_NAME, text, strlen(text), 0600, ATOMIC_FILE_DURABLE, err);
}

static const char *key_for(const char *domain)
{
	return strcmp(domain, "docker.io") == 0 ? DOCKER_HUB_KEY : domain;
}

/* "https://HOST/v1/" → "HOST": what Docker compares where the key is not the name itself. */
static bool key_names_host(const char *key, const char *host)
{
	static const char *const schemes[] = {"https://", "http://"};
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (strncmp(key, schemes[i], strlen(schemes[i])) == 0)
			key += strlen(schemes[i]);
	size_t length = strcspn(key, "/");
	return length == strlen(host) && strncmp(key, host, length) == 0;
}

/* The key in `table` that is this registry's, or NULL; borrowed. */
static const char *find_key(json_t *table, const char *domain)
{
	if (json_object_get(table, key_for(domain)))
		return json_object_iter_key(json_object_iter_at(table, key_for(domain)));
	bool is_hub = strcmp(domain, "docker.io") == 0;
	const char *key;
	json_t *value;
	json_object_foreach(table, key, value)
	{
		if (key_names_host(key, domain) || (is_hub && key_names_host(key, DOCKER_HUB_HOST)))
			return key;
	}
	return NULL;
}

static int decode_pair(const char *text, struct credentials *ret_credentials, struct error *err)
{
	size_t length = strlen(text);
	if (length > SECRET_SIZE_LIMIT)
		return error_set(err, ERROR_INVALID, "not base64");
	size_t size;
	cleanup_secret char *pair = (char *)base64_decode(text, length, &size);
	if (!pair)
		return error_set(err, ERROR_INVALID, "not base64");
	char *colon = strchr(pair, ':');
	if (!colon || colon == pair || strlen(pair) != size)
		return error_set(err, ERROR_INVALID, "not NAME:PASSWORD");
	ret_credentials->username = duplicate_bytes(pair, (size_t)(colon - pair));
	ret_credentials->password = duplicate_string(colon + 1);
	return 0;
}

static int read_entry(const json_t *entry, struct credentials *ret_credentials, struct error *err)
{
	const char *pair = NULL;
	const char *username = NULL;
	const char *password = NULL;
	const char *token = NULL;
	if (json_get_string(entry, "identitytoken", &token, err) < 0 ||
	    json_get_string(entry, "auth", &pair, err) < 0 || json_get_string(entry, "username", &username, err) < 0 ||
	    json_get_string(entry, "password", &password, err) < 0)
		return -1;
	if (token && *token) {
		ret_credentials->username = duplicate_string(CREDENTIALS_TOKEN_USER);
		ret_credentials->password = duplicate_string(token);
		return 0;
	}
	if (pair && *pair)
		return decode_pair(pair, ret_credentials, err);
	if (username && *username && password) {
		ret_credentials->username = duplicate_string(username);
		ret_credentials->password = duplicate_string(password);
	}
	return 0;
}

/* The helper for this registry: its own in "credHelpers", else "credsStore", else NULL. */
static int find_helper(const struct config *config, const char *domain, const char **ret_helper, struct error *err)
{
	json_t *helpers = NULL;
	const char *helper = NULL;
	if (json_get_string(config->document, "credsStore", &helper, err) < 0 ||
	    json_get_object(config->document, "credHelpers", &helpers, err) < 0)
		return -1;
	const char *key = helpers ? find_key(helpers, domain) : NULL;
	if (key && json_get_string(helpers, key, &helper, err) < 0)
		return -1;
	*ret_helper = helper && *helper ? helper : NULL;
	return 0;
}

static int config_open(const char *domain, struct config *config, const char **ret_helper, json_t **ret_table,
		       struct error *err)
{
	if (config_folder(&config->folder, err) < 0 || config_read(config, err) < 0)
		return -1;
	if (find_helper(config, domain, ret_helper, err) < 0 ||
	    json_get_object(config->document, "auths", ret_table, err) < 0)
		return error_wrap(err, "read %s/%s", config->folder, CONFIG_NAME);
	return 0;
}

int credentials_find(const char *domain, struct credentials *ret_credentials, struct error *err)
{
	cleanup_config struct config config = {0};
	cleanup_credentials struct credentials credentials = {0};
	const char *helper = NULL;
	json_t *table = NULL;
	/* Who has no home has no credentials, and can still pull what is public. */
	if (config_folder(&config.folder, NULL) < 0) {
		*ret_credentials = credentials;
		return 0;
	}
	free(steal_pointer(&config.folder));
	if (config_open(domain, &config, &helper, &table, err) < 0)
		return -1;
	if (helper) {
		if (credential_helper_get(helper, key_for(domain), &credentials, err) < 0)
			return -1;
	} else {
		const char *key = table ? find_key(table, domain) : NULL;
		if (key && read_entry(json_object_get(table, key), &credentials, err) < 0)
			return error_wrap(err, "read the credentials of %s in %s/%s", domain, config.folder,
					  CONFIG_NAME);
	}
	*ret_credentials = credentials;
	credentials = (struct credentials){0};
	return 0;
}

static int encode_pair(const char *username, const char *password, char **ret_text, struct error *err)
{
	if (!*username || strchr(username, ':'))
		return error_set(err, ERROR_USAGE, "a user's name is not empty and holds no colon: \"%s\"", username);
	cleanup_secret char *pair = format_string("%s:%s", username, password);
	size_t size = strlen(pair);
	if (size > SECRET_SIZE_LIMIT / 2)
		return error_set(err, ERROR_LIMIT, "the password is longer than %zu bytes", SECRET_SIZE_LIMIT / 2);
	*ret_text = base64_encode(pair, size);
	return 0;
}

int credentials_store(const char *domain, const char *username, const char *password, char **ret_path,
		      struct error *err)
{
	cleanup_config struct config config = {0};
	const char *helper = NULL;
	json_t *table = NULL;
	cleanup_secret char *pair = NULL;
	if (encode_pair(username, password, &pair, err) < 0 || config_open(domain, &config, &helper, &table, err) < 0)
		return -1;
	if (!table) {
		table = json_object();
		json_object_set_new(config.document, "auths", table);
	}
	/* A key of another spelling would be found first by other programs: one registry, one entry. */
	const char *key = find_key(table, domain);
	cleanup_free char *name = duplicate_string(key ? key : key_for(domain));
	json_t *entry = json_object();
	if (helper) {
		if (credential_helper_store(helper, key_for(domain), username, password, err) < 0) {
			json_decref(entry);
			return -1;
		}
	} else {
		json_object_set_new(entry, "auth", json_string(pair));
	}
	json_object_set_new(table, name, entry);
	if (config_write(&config, err) < 0)
		return error_wrap(err, "write %s/%s", config.folder, CONFIG_NAME);
	*ret_path = helper ? NULL : format_string("%s/%s", config.folder, CONFIG_NAME);
	return 0;
}

int credentials_erase(const char *domain, bool *ret_found, struct error *err)
{
	cleanup_config struct config config = {0};
	const char *helper = NULL;
	json_t *table = NULL;
	bool found = false;
	if (config_open(domain, &config, &helper, &table, err) < 0)
		return -1;
	if (helper && credential_helper_erase(helper, key_for(domain), &found, err) < 0)
		return -1;
	bool changed = false;
	for (const char *key; table && (key = find_key(table, domain));) {
		cleanup_free char *name = duplicate_string(key);
		json_object_del(table, name);
		changed = true;
	}
	if (changed && config_write(&config, err) < 0)
		return error_wrap(err, "write %s/%s", config.folder, CONFIG_NAME);
	*ret_found = found || changed;
	return 0;
}
