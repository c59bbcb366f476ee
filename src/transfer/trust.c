#include "transfer/trust.h"

#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/string_list.h"

#define CERTIFICATES_LIMIT ((size_t)8 * 1024 * 1024)
#define FILE_LIMIT	   ((size_t)2 * 1024 * 1024)
#define NAME_LIMIT	   256 /* files of a folder */

static const char *const folders[] = {"/etc/coracle/certs.d", "/etc/docker/certs.d", "/etc/containers/certs.d"};

void trust_release(struct trust *trust)
{
	buffer_release(&trust->certificates);
	free(trust->client_certificate);
	free(trust->client_key);
	free(trust->realms);
	*trust = (struct trust){0};
}

/* The folder's descriptor, or -1 where there is none. */
static int find_folder(const char *authority, char **ret_path)
{
	if (strchr(authority, '/') || authority[0] == '.')
		return -1;
	const char *own = getenv("CORACLE_CERTS");
	for (size_t i = 0; i < (own && *own ? 1 : ARRAY_SIZE(folders)); i++) {
		cleanup_free char *path = format_string("%s/%s", own && *own ? own : folders[i], authority);
		int fd = open_folder(path, false, 0, NULL);
		if (fd >= 0) {
			*ret_path = steal_pointer(&path);
			return fd;
		}
	}
	return -1;
}

bool trust_exists(const char *authority)
{
	cleanup_free char *path = NULL;
	cleanup_close int fd = find_folder(authority, &path);
	return fd >= 0;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text);
	return length > strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_names(int folder_fd, struct string_list *names, struct error *err)
{
	int fd = fcntl(folder_fd, F_DUPFD_CLOEXEC, 3);
	cleanup_directory DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	if (!folder)
		return error_set_errno(err, errno, "list the folder");
	for (const struct dirent *entry; (entry = readdir(folder));) {
		if (names->count == NAME_LIMIT)
			return error_set(err, ERROR_LIMIT, "the folder has more than %d files", NAME_LIMIT);
		string_list_add(names, entry->d_name);
	}
	if (names->count)
		qsort(names->items, names->count, sizeof *names->items, compare_names);
	return 0;
}

static int add_file(struct trust *trust, int folder_fd, const char *path, struct error *err)
{
	cleanup_buffer struct buffer text = {0};
	if (read_file_at(folder_fd, path, FILE_LIMIT, &text, err) < 0)
		return -1;
	if (buffer_append(&trust->certificates, buffer_text(&text), text.size, err) < 0)
		return -1;
	return buffer_append(&trust->certificates, "\n", 1, err);
}

static int add_system(struct trust *trust, struct error *err)
{
	const char *path = curl_version_info(CURLVERSION_NOW)->cainfo;
	if (!path || trust->certificates.size > 0)
		return 0;
	struct error why = {0};
	if (add_file(trust, AT_FDCWD, path, &why) < 0 && why.kind != ERROR_NOT_FOUND) {
		*err = why;
		return -1;
	}
	return 0;
}

static int load_name(struct trust *trust, int folder_fd, const char *folder, const struct string_list *names,
		     const char *name, struct error *err)
{
	if (ends_with(name, ".crt"))
		return add_system(trust, err) < 0 ? -1 : add_file(trust, folder_fd, name, err);
	if (ends_with(name, ".cert") && !trust->client_certificate) {
		cleanup_free char *key = format_string("%.*s.key", (int)(strlen(name) - strlen(".cert")), name);
		if (!string_list_contains(names, key))
			return error_set(err, ERROR_NOT_FOUND, "%s has no %s beside it", name, key);
		trust->client_certificate = format_string("%s/%s", folder, name);
		trust->client_key = format_string("%s/%s", folder, key);
	}
	if (strcmp(name, "realm") == 0) {
		cleanup_buffer struct buffer text = {0};
		if (read_file_at(folder_fd, name, FILE_LIMIT, &text, err) < 0)
			return -1;
		trust->realms = buffer_steal(&text);
	}
	return 0;
}

int trust_load(const char *authority, struct trust *ret_trust, struct error *err)
{
	cleanup_free char *path = NULL;
	cleanup_trust struct trust trust = {.certificates = BUFFER_INIT(CERTIFICATES_LIMIT)};
	cleanup_close int fd = find_folder(authority, &path);
	if (fd >= 0) {
		cleanup_string_list struct string_list names = {0};
		trust.exists = true;
		if (list_names(fd, &names, err) < 0)
			return error_wrap(err, "read %s", path);
		for (size_t i = 0; i < names.count; i++)
			if (load_name(&trust, fd, path, &names, names.items[i], err) < 0)
				return error_wrap(err, "read %s", path);
	}
	*ret_trust = trust;
	trust = (struct trust){0};
	return 0;
}

bool trust_allows_realm(const struct trust *trust, const char *realm_authority)
{
	for (const char *at = trust->realms; at && *at;) {
		at += strspn(at, " \t\r\n");
		size_t length = strcspn(at, " \t\r\n");
		if (length == strlen(realm_authority) && strncmp(at, realm_authority, length) == 0)
			return true;
		at += length;
	}
	return false;
}

bool trust_realm_is_allowed(const char *authority, const char *realm_authority)
{
	cleanup_trust struct trust trust = {0};
	return trust_load(authority, &trust, NULL) == 0 && trust_allows_realm(&trust, realm_authority);
}

char *trust_advice(const char *authority)
{
	const char *own = getenv("CORACLE_CERTS");
	if (own && *own)
		return format_string("%s/%s/ca.crt", own, authority);
	return format_string("/etc/docker/certs.d/%s/ca.crt (or /etc/coracle/certs.d/%s/ca.crt)", authority, authority);
}
