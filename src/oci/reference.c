/*
 * The grammar, from distribution/reference:
 *     reference = name [ ":" tag ] [ "@" digest ]
 *     name      = [ domain "/" ] component { "/" component }
 *     component = run of [a-z0-9], joined by ".", "_", "__" or dashes
 *     tag       = [A-Za-z0-9_] then up to 127 of [A-Za-z0-9_.-]
 * It is read by hand, from both ends: the digest behind the '@', the tag behind the last ':' that follows the last '/',
 * the domain before the first '/'. What is left is the path.
 */
#include "oci/reference.h"

#include <ctype.h>
#include <string.h>

#define LEGACY_DOMAIN	"index.docker.io"
#define OFFICIAL_PREFIX "library/"

static bool is_lower_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alphanumeric(char c)
{
	return is_lower_alphanumeric(c) || (c >= 'A' && c <= 'Z');
}

static bool has_upper_case(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			return true;
	return false;
}

/* The length of the separator at `text`: ".", "_", "__" or any number of dashes. */
static size_t separator_length(const char *text)
{
	if (*text == '.')
		return 1;
	if (*text == '_')
		return text[1] == '_' ? 2 : 1;
	return strspn(text, "-");
}

static bool path_follows_grammar(const char *path)
{
	for (;;) {
		if (!is_lower_alphanumeric(*path))
			return false;
		while (is_lower_alphanumeric(*path))
			path++;
		if (*path == '\0')
			return true;
		if (*path == '/') {
			path++;
			continue;
		}
		size_t length = separator_length(path);
		if (length == 0)
			return false;
		path += length;
	}
}

bool reference_path_is_valid(const char *path)
{
	return strnlen(path, REFERENCE_NAME_LIMIT + 1) <= REFERENCE_NAME_LIMIT && path_follows_grammar(path);
}

bool reference_tag_is_valid(const char *tag)
{
	if (!is_alphanumeric(*tag) && *tag != '_')
		return false;
	size_t length = 1;
	for (; tag[length]; length++)
		if (length == REFERENCE_TAG_LIMIT || (!is_alphanumeric(tag[length]) && !strchr("_.-", tag[length])))
			return false;
	return true;
}

static bool port_is_valid(const char *port)
{
	return *port && strspn(port, "0123456789") == strlen(port);
}

/* Labels of letters, digits and inner dashes between dots, or an IPv6 address in brackets; a port may follow. */
static bool domain_is_valid(const char *domain)
{
	if (*domain == '[') {
		size_t length = strspn(domain + 1, "0123456789abcdefABCDEF:");
		const char *end = domain + 1 + length;
		if (length == 0 || *end != ']')
			return false;
		return end[1] == '\0' || (end[1] == ':' && port_is_valid(end + 2));
	}
	for (;;) {
		if (!is_alphanumeric(*domain))
			return false;
		while (is_alphanumeric(*domain) || *domain == '-')
			domain++;
		if (domain[-1] == '-')
			return false;
		if (*domain == '\0')
			return true;
		if (*domain == ':')
			return port_is_valid(domain + 1);
		if (*domain++ != '.')
			return false;
	}
}

/* algorithm ":" 32 or more hexadecimal digits; whether they are the right ones is digest_parse()'s to say. */
static bool looks_like_digest(const char *text)
{
	if (!is_alphanumeric(*text) || isdigit((unsigned char)*text))
		return false;
	while (is_alphanumeric(*text) || (*text && strchr("-_+.", *text)))
		text++;
	if (*text++ != ':')
		return false;
	size_t digits = strspn(text, "0123456789abcdefABCDEF");
	return digits >= 32 && text[digits] == '\0';
}

static bool is_image_id(const char *text)
{
	return strnlen(text, 65) == 64 && strspn(text, "0123456789abcdef") == 64;
}

void reference_release(struct reference *reference)
{
	free(reference->domain);
	free(reference->path);
	free(reference->tag);
	*reference = (struct reference){0};
}

/* Takes domain and remainder ("path:tag@digest") apart as Docker does, adding what was left out. */
static void split_domain(const char *text, struct reference *reference, char **ret_remainder)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : 0;
	cleanup_free char *first = duplicate_bytes(text, length);
	bool is_domain =
		slash && (strcmp(first, "localhost") == 0 || strpbrk(first, ".:") || has_upper_case(first, length));
	const char *rest = is_domain ? slash + 1 : text;
	reference->domain_is_implied = !is_domain;
	if (!is_domain || strcmp(first, LEGACY_DOMAIN) == 0)
		reference->domain = duplicate_string(REFERENCE_DEFAULT_DOMAIN);
	else
		reference->domain = steal_pointer(&first);
	bool is_official = strcmp(reference->domain, REFERENCE_DEFAULT_DOMAIN) == 0 && !strchr(rest, '/');
	*ret_remainder = format_string("%s%s", is_official ? OFFICIAL_PREFIX : "", rest);
}

static int invalid_format(struct error *err)
{
	return error_set(err, ERROR_INVALID, "invalid reference format");
}

/* Cuts tag and digest off `remainder`, which is the path afterwards. */
static int take_tag_and_digest(char *remainder, struct reference *reference, struct error *err)
{
	char *at = strchr(remainder, '@');
	if (at) {
		*at = '\0';
		if (!looks_like_digest(at + 1))
			return invalid_format(err);
		if (digest_parse(at + 1, &reference->digest, err) < 0)
			return -1;
	}
	char *colon = strchr(remainder, ':');
	if (colon) {
		*colon = '\0';
		if (!reference_tag_is_valid(colon + 1))
			return invalid_format(err);
		reference->tag = duplicate_string(colon + 1);
	} else if (!at) {
		reference->tag = duplicate_string(REFERENCE_DEFAULT_TAG);
	}
	return 0;
}

int reference_parse(const char *text, struct reference *ret_reference, struct error *err)
{
	/* Longest of all: a name, a tag and a digest. Anything much longer need not be looked at. */
	if (strnlen(text, 4096) == 4096)
		return invalid_format(err);
	if (is_image_id(text))
		return error_set(err, ERROR_INVALID,
				 "invalid repository name (%s), cannot specify 64-byte hexadecimal strings", text);
	cleanup_reference struct reference reference = {0};
	cleanup_free char *remainder = NULL;
	split_domain(text, &reference, &remainder);
	size_t remote_length = strcspn(remainder, ":");
	if (has_upper_case(remainder, remote_length))
		return error_set(err, ERROR_INVALID,
				 "invalid reference format: repository name (%.*s) must be lowercase",
				 (int)remote_length, remainder);
	if (take_tag_and_digest(remainder, &reference, err) < 0)
		return -1;
	if (!domain_is_valid(reference.domain) || !path_follows_grammar(remainder))
		return invalid_format(err);
	if (strlen(reference.domain) + 1 + strlen(remainder) > REFERENCE_NAME_LIMIT)
		return error_set(err, ERROR_INVALID, "repository name must not be more than %d characters",
				 REFERENCE_NAME_LIMIT);
	reference.path = steal_pointer(&remainder);
	*ret_reference = reference;
	reference = (struct reference){0};
	return 0;
}

char *reference_name(const struct reference *reference)
{
	return format_string("%s/%s", reference->domain, reference->path);
}

static char *with_tag_and_digest(const char *name, const struct reference *reference)
{
	bool has_digest = digest_is_set(&reference->digest);
	return format_string("%s%s%s%s%s", name, reference->tag ? ":" : "", reference->tag ? reference->tag : "",
			     has_digest ? "@" : "", reference->digest.text);
}

char *reference_text(const struct reference *reference)
{
	cleanup_free char *name = reference_name(reference);
	return with_tag_and_digest(name, reference);
}

char *reference_familiarize(const char *full_name)
{
	size_t domain_length = strlen(REFERENCE_DEFAULT_DOMAIN);
	if (strncmp(full_name, REFERENCE_DEFAULT_DOMAIN "/", domain_length + 1) != 0)
		return duplicate_string(full_name);
	const char *path = full_name + domain_length + 1;
	size_t prefix_length = strlen(OFFICIAL_PREFIX);
	if (strncmp(path, OFFICIAL_PREFIX, prefix_length) == 0 && !strchr(path + prefix_length, '/'))
		path += prefix_length;
	return duplicate_string(path);
}

char *reference_familiar_name(const struct reference *reference)
{
	cleanup_free char *name = reference_name(reference);
	return reference_familiarize(name);
}

char *reference_familiar_text(const struct reference *reference)
{
	cleanup_free char *name = reference_familiar_name(reference);
	return with_tag_and_digest(name, reference);
}

bool reference_text_has_tag(const char *text)
{
	const char *slash = strrchr(text, '/');
	return strpbrk(slash ? slash : text, ":@") != NULL;
}
