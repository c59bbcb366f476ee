#include "base/text.h"

#include <ctype.h>
#include <string.h>

#include "base/memory.h"

void text_trim(const char **text, size_t *length)
{
	while (*length && isspace((unsigned char)**text)) {
		++*text;
		--*length;
	}
	while (*length && isspace((unsigned char)(*text)[*length - 1]))
		--*length;
}

bool text_parse_boolean(const char *text, bool *ret_value)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
	static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		bool is_yes = strcmp(text, yes[i]) == 0;
		if (is_yes || strcmp(text, no[i]) == 0) {
			*ret_value = is_yes;
			return true;
		}
	}
	return false;
}

int text_append_quoted(struct buffer *buffer, const char *text, struct error *err)
{
	if (buffer_append(buffer, "\"", 1, err) < 0)
		return -1;
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		const char *escaped = c == '"'	  ? "\\\""
				      : c == '\\' ? "\\\\"
				      : c == '\n' ? "\\n"
				      : c == '\t' ? "\\t"
						  : NULL;
		int result = escaped		     ? buffer_append_string(buffer, escaped, err)
			     : c < 0x20 || c == 0x7f ? buffer_append_format(buffer, err, "\\x%02x", c)
						     : buffer_append(buffer, text, 1, err);
		if (result < 0)
			return -1;
	}
	return buffer_append(buffer, "\"", 1, err);
}
