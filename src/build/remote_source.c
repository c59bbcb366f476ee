#include "build/remote_source.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "build/path.h"

#define URL_SIZE_LIMIT ((size_t)4096)

static const struct {
	const char *start;
	bool is_always_git;
} schemes[] = {{"http://", false}, {"https://", false}, {"git://", true}, {"ssh://", true}};

void remote_source_release(struct remote_source *source)
{
	free(source->url);
	free(source->name);
	free(source->ref);
	free(source->folder);
	if (source->authorization)
		explicit_bzero(source->authorization, strlen(source->authorization));
	free(source->authorization);
	*source = (struct remote_source){0};
}

bool remote_ref_is_commit(const char *ref)
{
	size_t length = strspn(ref, "0123456789abcdef");
	return !ref[length] && (length == 40 || length == 64);
}

/* "user@host:path", as scp has it. */
static bool is_scp_like(const char *text)
{
	size_t user = 0, host = 0;
	while (isalnum((unsigned char)text[user]) || (text[user] && strchr("-_.", text[user])))
		user++;
	if (!user || text[user] != '@')
		return false;
	const char *at = text + user + 1;
	while (isalnum((unsigned char)at[host]) || (at[host] && strchr("-_.", at[host])))
		host++;
	return host && at[host] == ':' && at[host + 1];
}

/* The length of the scheme with its "://"; 0: none of ours. */
static size_t scheme_length(const char *text, bool *ret_is_always_git)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t length = strlen(schemes[i].start);
		if (strncasecmp(text, schemes[i].start, length) == 0) {
			*ret_is_always_git = schemes[i].is_always_git;
			return length;
		}
	}
	return 0;
}

enum remote_kind remote_source_kind(const char *text)
{
	bool is_always_git;
	size_t scheme = scheme_length(text, &is_always_git);
	if (!scheme)
		return is_scp_like(text) ? REMOTE_GIT : REMOTE_NONE;
	/* A file's URL is one of git where its path ends so, as BuildKit has it. */
	const char *path = text + scheme + strcspn(text + scheme, "/?#");
	size_t length = strcspn(path, "?#");
	bool ends_in_git = length > 4 && strncmp(path + length - 4, ".git", 4) == 0;
	return is_always_git || ends_in_git ? REMOTE_GIT : REMOTE_FILE;
}

static int check_text(const char *text, struct error *err)
{
	for (const char *at = text; *at; at++)
		if ((unsigned char)*at <= 0x20 || *at == 0x7f)
			return error_set(err, ERROR_INVALID, "invalid URL: it holds a blank or a control character");
	if (strlen(text) > URL_SIZE_LIMIT)
		return error_set(err, ERROR_LIMIT, "invalid URL: it is longer than %zu bytes", URL_SIZE_LIMIT);
	return 0;
}

/* `rest` is what follows the scheme: [USER@]HOST[:PORT]/PATH */
static int check_authority(const char *url, const char *rest, struct error *err)
{
	size_t length = strcspn(rest, "/?#");
	const char *at = memrchr(rest, '@', length);
	const char *host = at ? at + 1 : rest;
	bool has_secret = at && (strncmp(url, "ssh://", 6) != 0 || memchr(rest, ':', (size_t)(at - rest)));
	if (has_secret)
		return error_set(err, ERROR_DENIED,
				 "%.*s…: a user or a password in a URL would be seen in the image's history and by "
				 "everybody who lists processes: leave it out",
				 (int)(rest - url), url);
	if (host == rest + length || *host == ':')
		return error_set(err, ERROR_INVALID, "invalid URL: %s: it has no host", url);
	if (*rest == '-' || *host == '-')
		return error_set(err, ERROR_DENIED, "invalid URL: %s: a host or user that begins with '-' is refused",
				 url);
	return 0;
}

/* git-check-ref-format(1), and what would be an option, a range or a refspec. */
static int check_ref(const char *ref, struct error *err)
{
	size_t length = strlen(ref);
	bool is_bad = ref[0] == '-' || ref[0] == '+' || ref[0] == '/' || ref[0] == '.' || ref[length - 1] == '/' ||
		      ref[length - 1] == '.' || strpbrk(ref, "~^:?*[\\") || strstr(ref, "..") || strstr(ref, "@{") ||
		      strstr(ref, "//") || strstr(ref, "/.") || strstr(ref, "/-");
	return is_bad ? error_set(err, ERROR_DENIED, "invalid git ref: \"%s\"", ref) : 0;
}

static int take_fragment(const char *fragment, struct remote_source *source, struct error *err)
{
	size_t length = strcspn(fragment, ":");
	if (length) {
		source->ref = duplicate_bytes(fragment, length);
		if (check_ref(source->ref, err) < 0)
			return -1;
	}
	if (fragment[length] != ':' || !fragment[length + 1])
		return 0;
	const char *folder = fragment + length + 1;
	cleanup_free char *clean = path_clean(folder + strspn(folder, "/"));
	if (strcmp(clean, ".") != 0)
		source->folder = steal_pointer(&clean);
	return 0;
}

static int take_git(const char *text, size_t scheme, struct remote_source *source, struct error *err)
{
	size_t length = strcspn(text, "#");
	if (memchr(text, '?', length))
		return error_set(err, ERROR_UNSUPPORTED,
				 "%s: a query in the URL of a git repository is not supported: a ref and a folder are "
				 "said by #REF:FOLDER",
				 text);
	source->url = duplicate_bytes(text, length);
	for (size_t i = 0; i < scheme; i++)
		source->url[i] = (char)tolower((unsigned char)source->url[i]);
	if (scheme) {
		if (check_authority(source->url, source->url + scheme, err) < 0)
			return -1;
	} else {
		const char *host = strchr(source->url, '@') + 1;
		const char *path = strchr(host, ':') + 1;
		if (source->url[0] == '-' || *host == '-' || *path == '-' || !*path)
			return error_set(err, ERROR_DENIED,
					 "invalid URL: %s: a user, host or path that begins with '-' is refused",
					 source->url);
	}
	return text[length] ? take_fragment(text + length + 1, source, err) : 0;
}

static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return isxdigit((unsigned char)digit) ? tolower((unsigned char)digit) - 'a' + 10 : -1;
}

/* The name that a file gets in a folder. A "%2F" or "%00" in it would make it another path, so it is then no name. */
static char *file_name(const char *rest)
{
	const char *path = rest + strcspn(rest, "/?#");
	size_t length = strcspn(path, "?#");
	while (length && path[length - 1] == '/')
		length--;
	const char *slash = memrchr(path, '/', length);
	const char *last = slash ? slash + 1 : path;
	cleanup_free char *name = duplicate_bytes(last, length - (size_t)(last - path));
	char *to = name;
	for (const char *at = name; *at; at++) {
		int high = *at == '%' ? digit_value(at[1]) : -1;
		int low = high >= 0 ? digit_value(at[2]) : -1;
		*to = low >= 0 ? (char)(high * 16 + low) : *at;
		at += low >= 0 ? 2 : 0;
		if (!*to || *to == '/')
			return duplicate_string("__unnamed__");
		to++;
	}
	*to = '\0';
	bool is_name = name[0] && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strlen(name) < 256;
	return is_name ? steal_pointer(&name) : duplicate_string("__unnamed__");
}

int remote_source_parse(const char *text, struct remote_source *ret_source, struct error *err)
{
	cleanup_remote_source struct remote_source source = {.kind = remote_source_kind(text)};
	bool is_always_git;
	size_t scheme = scheme_length(text, &is_always_git);
	if (source.kind == REMOTE_NONE)
		return error_set(err, ERROR_INVALID, "invalid URL: %.200s", text);
	if (check_text(text, err) < 0)
		return -1;
	if (source.kind == REMOTE_GIT) {
		if (take_git(text, scheme, &source, err) < 0)
			return -1;
	} else {
		source.url = duplicate_bytes(text, strcspn(text, "#"));
		for (size_t i = 0; i < scheme; i++)
			source.url[i] = (char)tolower((unsigned char)source.url[i]);
		source.name = file_name(text + scheme);
		if (check_authority(source.url, source.url + scheme, err) < 0)
			return -1;
	}
	*ret_source = source;
	source = (struct remote_source){0};
	return 0;
}
