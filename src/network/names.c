#include "network/names.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define FIELD_COUNT 5

enum field { FIELD_NETWORK, FIELD_KIND, FIELD_CONTAINER, FIELD_IPV4, FIELD_IPV6 };

struct word {
	const char *text;
	size_t length;
};

struct line {
	struct word fields[FIELD_COUNT];
	const char *names, *end;
};

static bool next_word(const char **at, const char *end, struct word *ret_word)
{
	while (*at < end && **at == ' ')
		(*at)++;
	const char *start = *at;
	while (*at < end && **at != ' ')
		(*at)++;
	*ret_word = (struct word){start, (size_t)(*at - start)};
	return ret_word->length > 0;
}

/* False at the end. Lines that are none are passed over. */
static bool next_line(const char **at, struct line *line)
{
	while (**at) {
		const char *end = strchrnul(*at, '\n'), *position = *at;
		size_t count = 0;
		while (count < FIELD_COUNT && next_word(&position, end, &line->fields[count]))
			count++;
		line->names = position;
		line->end = end;
		*at = *end ? end + 1 : end;
		if (count == FIELD_COUNT)
			return true;
	}
	return false;
}

static bool is(const struct word *word, const char *text, size_t length)
{
	return word->length == length && strncasecmp(word->text, text, length) == 0;
}

static bool is_text(const struct word *word, const char *text)
{
	return is(word, text, strlen(text));
}

static bool is_on(const struct names *names, const struct word *network)
{
	struct line line;
	for (const char *at = names->text; next_line(&at, &line);)
		if (is_text(&line.fields[FIELD_CONTAINER], names->container) &&
		    is(&line.fields[FIELD_NETWORK], network->text, network->length))
			return true;
	return false;
}

bool names_is_open(const struct names *names)
{
	struct line line;
	for (const char *at = names->text; next_line(&at, &line);)
		if (is_text(&line.fields[FIELD_CONTAINER], names->container) &&
		    is_text(&line.fields[FIELD_KIND], "open"))
			return true;
	return false;
}

/* NAME, or NAME.NETWORK. */
static bool has_name(const struct line *line, const char *wanted)
{
	struct word name;
	const struct word *network = &line->fields[FIELD_NETWORK];
	for (const char *at = line->names; next_word(&at, line->end, &name);) {
		if (is_text(&name, wanted))
			return true;
		if (strncasecmp(wanted, name.text, name.length) == 0 && wanted[name.length] == '.' &&
		    is_text(network, wanted + name.length + 1))
			return true;
	}
	return false;
}

static void add_address(struct dns_answer *answer, const struct word *word, int family)
{
	unsigned char address[16];
	char text[INET6_ADDRSTRLEN];
	if (word->length >= sizeof text)
		return;
	memcpy(text, word->text, word->length);
	text[word->length] = '\0';
	if (inet_pton(family, text, address) == 1)
		dns_answer_add_address(answer, address, family == AF_INET ? 4 : 16);
}

static void add_name(struct dns_answer *answer, const struct line *line)
{
	char text[DNS_NAME_SIZE];
	struct word name;
	const struct word *network = &line->fields[FIELD_NETWORK];
	const char *at = line->names;
	if (!next_word(&at, line->end, &name) || name.length + network->length + 2 > sizeof text)
		return;
	memcpy(text, name.text, name.length);
	text[name.length] = '.';
	memcpy(text + name.length + 1, network->text, network->length);
	text[name.length + 1 + network->length] = '\0';
	dns_answer_add_name(answer, text);
}

static bool answer_reverse(const struct names *names, const struct dns_question *question, struct dns_answer *answer)
{
	char address[INET6_ADDRSTRLEN];
	struct line line;
	bool found = false;
	if (!dns_reverse_address(question->name, address, sizeof address))
		return false;
	for (const char *at = names->text; next_line(&at, &line);) {
		if ((!is_text(&line.fields[FIELD_IPV4], address) && !is_text(&line.fields[FIELD_IPV6], address)) ||
		    !is_on(names, &line.fields[FIELD_NETWORK]))
			continue;
		found = true;
		add_name(answer, &line);
	}
	return found;
}

bool names_answer(const struct names *names, const struct dns_question *question, struct dns_answer *answer)
{
	struct line line;
	bool found = false;
	if (question->class != DNS_CLASS_IN || !*question->name)
		return false;
	if (question->type == DNS_TYPE_PTR)
		return answer_reverse(names, question, answer);
	for (const char *at = names->text; next_line(&at, &line);) {
		if (!has_name(&line, question->name) || !is_on(names, &line.fields[FIELD_NETWORK]))
			continue;
		/* A name without an address of the family that is asked for has none: that is an answer. */
		found = true;
		if (question->type == DNS_TYPE_A)
			add_address(answer, &line.fields[FIELD_IPV4], AF_INET);
		else if (question->type == DNS_TYPE_AAAA)
			add_address(answer, &line.fields[FIELD_IPV6], AF_INET6);
	}
	return found;
}
