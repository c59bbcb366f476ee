#include "transfer/www_authenticate.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct reader {
	const char *at;
	struct challenge_list *list;
	struct challenge *current; /* NULL before the first scheme */
	size_t parameter_count;	   /* of current */
};

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_token_character(char c)
{
	return is_letter_or_digit(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token68_character(char c)
{
	return is_letter_or_digit(c) || (c != '\0' && strchr("-._~+/", c));
}

static const char *skip_space(const char *at)
{
	while (*at == ' ' || *at == '\t')
		at++;
	return at;
}

static const char *skip_token(const char *at)
{
	while (is_token_character(*at))
		at++;
	return at;
}

static bool ends_here(const char *at)
{
	return *at == '\0' || *at == ',';
}

static int invalid(const char *why, struct error *err)
{
	return error_set(err, ERROR_INVALID, "the registry's WWW-Authenticate header is malformed: %s", why);
}

static int read_quoted(struct reader *reader, char **ret_text, struct error *err)
{
	const char *at = reader->at + 1;
	cleanup_free char *text = allocate(strlen(at) + 1);
	size_t size = 0;
	while (*at != '"') {
		if (*at == '\\')
			at++;
		if (*at == '\0')
			return invalid("a quoted string has no end", err);
		text[size++] = *at++;
	}
	reader->at = at + 1;
	*ret_text = steal_pointer(&text);
	return 0;
}

static char **member_for(struct challenge *challenge, const char *name, size_t length)
{
	static const char names[][8] = {"realm", "service", "scope", "error"};
	char **members[] = {&challenge->realm, &challenge->service, &challenge->scope, &challenge->error};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == length && strncasecmp(names[i], name, length) == 0)
			return members[i];
	return NULL;
}

/* reader->at is behind NAME; `=` follows, perhaps after spaces. */
static int read_parameter(struct reader *reader, const char *name, size_t length, struct error *err)
{
	if (!reader->current)
		return invalid("a parameter comes before any scheme", err);
	if (++reader->parameter_count > WWW_AUTHENTICATE_PARAMETER_LIMIT)
		return error_set(err, ERROR_LIMIT, "the registry's WWW-Authenticate header has more than %d parameters",
				 WWW_AUTHENTICATE_PARAMETER_LIMIT);
	reader->at = skip_space(skip_space(reader->at) + 1);
	cleanup_free char *value = NULL;
	if (*reader->at == '"') {
		if (read_quoted(reader, &value, err) < 0)
			return -1;
	} else {
		const char *end = skip_token(reader->at);
		if (end == reader->at)
			return invalid("a parameter has no value", err);
		value = duplicate_bytes(reader->at, (size_t)(end - reader->at));
		reader->at = end;
	}
	reader->at = skip_space(reader->at);
	if (!ends_here(reader->at))
		return invalid("something follows a parameter's value", err);
	char **member = member_for(reader->current, name, length);
	if (!member)
		return 0;
	if (*member)
		return invalid("a parameter is given twice", err);
	*member = steal_pointer(&value);
	return 0;
}

/* Whether a parameter, and not a token68, begins at `at`. */
static bool is_parameter(const char *at)
{
	const char *end = skip_token(at);
	if (end == at)
		return false;
	end = skip_space(end);
	if (*end != '=')
		return false;
	end = skip_space(end + 1);
	return *end == '"' || is_token_character(*end);
}

static int read_scheme(struct reader *reader, const char *name, size_t length, struct error *err)
{
	if (reader->list->count == WWW_AUTHENTICATE_CHALLENGE_LIMIT)
		return error_set(err, ERROR_LIMIT, "the registry offers more than %d ways to authenticate",
				 WWW_AUTHENTICATE_CHALLENGE_LIMIT);
	reader->current = &reader->list->items[reader->list->count++];
	*reader->current = (struct challenge){.scheme = CHALLENGE_OTHER};
	reader->parameter_count = 0;
	if (length == 5 && strncasecmp(name, "basic", length) == 0)
		reader->current->scheme = CHALLENGE_BASIC;
	else if (length == 6 && strncasecmp(name, "bearer", length) == 0)
		reader->current->scheme = CHALLENGE_BEARER;
	if (ends_here(reader->at))
		return 0;
	if (*reader->at != ' ')
		return invalid("a scheme is not followed by a space", err);
	reader->at = skip_space(reader->at);
	if (ends_here(reader->at) || is_parameter(reader->at))
		return 0;
	/* token68: one opaque word, which neither Basic nor Bearer uses in a challenge. */
	const char *end = reader->at;
	while (is_token68_character(*end))
		end++;
	if (end == reader->at)
		return invalid("neither a parameter nor a token follows a scheme", err);
	while (*end == '=')
		end++;
	reader->at = skip_space(end);
	return ends_here(reader->at) ? 0 : invalid("something follows a token", err);
}

static int read_all(struct reader *reader, struct error *err)
{
	for (;;) {
		reader->at = skip_space(reader->at);
		if (*reader->at == '\0')
			return 0;
		if (*reader->at == ',') {
			reader->at++;
			continue;
		}
		const char *name = reader->at;
		reader->at = skip_token(name);
		size_t length = (size_t)(reader->at - name);
		if (length == 0)
			return invalid("a name is missing", err);
		int outcome = *skip_space(reader->at) == '=' ? read_parameter(reader, name, length, err)
							     : read_scheme(reader, name, length, err);
		if (outcome < 0)
			return -1;
	}
}

static void challenge_release(struct challenge *challenge)
{
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
	free(challenge->error);
	*challenge = (struct challenge){0};
}

int www_authenticate_parse(const char *text, struct challenge_list *list, struct error *err)
{
	if (strlen(text) > WWW_AUTHENTICATE_TEXT_LIMIT)
		return error_set(err, ERROR_LIMIT, "the registry's WWW-Authenticate header has more than %d bytes",
				 WWW_AUTHENTICATE_TEXT_LIMIT);
	for (const char *at = text; *at; at++)
		if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f)
			return invalid("it holds a control character", err);
	size_t before = list->count;
	struct reader reader = {.at = text, .list = list};
	if (read_all(&reader, err) == 0)
		return 0;
	while (list->count > before)
		challenge_release(&list->items[--list->count]);
	return -1;
}

const struct challenge *challenge_list_find(const struct challenge_list *list, enum challenge_scheme scheme)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].scheme == scheme)
			return &list->items[i];
	return NULL;
}

void challenge_list_release(struct challenge_list *list)
{
	while (list->count > 0)
		challenge_release(&list->items[--list->count]);
}
