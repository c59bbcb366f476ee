/* fmt.Sprintf with Go's words for what does not fit. */
#include <ctype.h>
#include <string.h>

#include "cli/template_value.h"

#define WIDTH_LIMIT 1000

struct verb {
	bool minus, plus, space, zero, sharp;
	int width, precision; /* -1: none */
	char letter;
};

static const char *read_verb(const char *at, struct verb *verb)
{
	*verb = (struct verb){.width = -1, .precision = -1};
	for (;; at++) {
		if (*at == '-')
			verb->minus = true;
		else if (*at == '+')
			verb->plus = true;
		else if (*at == ' ')
			verb->space = true;
		else if (*at == '0')
			verb->zero = true;
		else if (*at == '#')
			verb->sharp = true;
		else
			break;
	}
	for (; isdigit((unsigned char)*at); at++)
		if (verb->width < WIDTH_LIMIT)
			verb->width = (verb->width < 0 ? 0 : verb->width) * 10 + (*at - '0');
	if (*at == '.')
		for (verb->precision = 0, at++; isdigit((unsigned char)*at); at++)
			if (verb->precision < WIDTH_LIMIT)
				verb->precision = verb->precision * 10 + (*at - '0');
	verb->letter = *at;
	return *at ? at + 1 : at;
}

static size_t characters(const char *text)
{
	size_t count = 0;
	for (; *text; text++)
		count += (*text & 0xc0) != 0x80;
	return count;
}

static void append_padded(const struct verb *verb, const char *text, bool is_number, struct buffer *output)
{
	size_t length = characters(text);
	size_t missing = verb->width > (int)length ? (size_t)verb->width - length : 0;
	if (!verb->minus && verb->zero && is_number && missing) {
		if (*text == '-' || *text == '+')
			buffer_append(output, text++, 1, NULL);
		for (; missing; missing--)
			buffer_append(output, "0", 1, NULL);
	}
	if (!verb->minus)
		for (; missing; missing--)
			buffer_append(output, " ", 1, NULL);
	buffer_append_string(output, text, NULL);
	for (; missing; missing--)
		buffer_append(output, " ", 1, NULL);
}

static char *integer_text(const struct verb *verb, long long number)
{
	const char *sign = number < 0 ? "-" : verb->plus ? "+" : verb->space ? " " : "";
	unsigned long long size = number < 0 ? -(unsigned long long)number : (unsigned long long)number;
	switch (verb->letter) {
	case 'x':
		return format_string("%s%s%llx", sign, verb->sharp ? "0x" : "", size);
	case 'X':
		return format_string("%s%s%llX", sign, verb->sharp ? "0X" : "", size);
	case 'o':
		return format_string("%s%s%llo", sign, verb->sharp ? "0" : "", size);
	case 'c':
		return number > 0 && number < 0x80 ? format_string("%c", (char)number)
						   : duplicate_string("\xef\xbf\xbd");
	default:
		return format_string("%s%llu", sign, size);
	}
}

static char *real_text(const struct verb *verb, double number)
{
	int precision = verb->precision < 0 ? 6 : verb->precision;
	switch (verb->letter) {
	case 'e':
		return format_string(verb->plus ? "%+.*e" : "%.*e", precision, number);
	case 'g':
		return format_string(verb->plus ? "%+.*g" : "%.*g", verb->precision < 0 ? 17 : precision, number);
	default:
		return format_string(verb->plus ? "%+.*f" : "%.*f", precision, number);
	}
}

static char *string_text(const struct verb *verb, const char *text)
{
	cleanup_buffer struct buffer result = BUFFER_INIT(TEMPLATE_OUTPUT_LIMIT);
	if (verb->letter == 'q') {
		cleanup_json json_t *string = json_string_nocheck(text);
		template_json(string, 0, false, &result, NULL);
		return buffer_steal(&result);
	}
	if (verb->letter == 'x' || verb->letter == 'X') {
		for (; *text; text++)
			buffer_append_format(&result, NULL, verb->letter == 'x' ? "%02x" : "%02X",
					     (unsigned char)*text);
		return buffer_steal(&result);
	}
	size_t size = 0;
	for (int count = 0; text[size]; size++)
		if ((text[size] & 0xc0) != 0x80 && verb->precision >= 0 && count++ >= verb->precision)
			break;
	return duplicate_bytes(text, size);
}

static void append_value(const struct verb *verb, const struct template_value *value, struct buffer *output)
{
	const json_t *json = value->json;
	cleanup_free char *text = NULL;
	char letter = verb->letter;
	bool is_number = json_is_number(json);
	if (letter == 'T')
		text = duplicate_string(template_type_name(value));
	else if (json_is_string(json) && strchr("svqxX", letter))
		text = string_text(verb, json_string_value(json));
	else if (json_is_integer(json) && strchr("dvxXoc", letter))
		text = integer_text(verb, json_integer_value(json));
	else if (json_is_real(json) && strchr("feg", letter))
		text = real_text(verb, json_real_value(json));
	else if (letter == 'v' || (json_is_boolean(json) && letter == 't') || (json_is_array(json) && letter == 's')) {
		cleanup_buffer struct buffer plain = BUFFER_INIT(TEMPLATE_OUTPUT_LIMIT);
		if (json || value->object_type)
			template_print(value, &plain);
		else
			buffer_append_string(&plain, "<nil>", NULL);
		text = buffer_steal(&plain);
	} else {
		cleanup_buffer struct buffer plain = BUFFER_INIT(TEMPLATE_OUTPUT_LIMIT);
		if (json || value->object_type)
			buffer_append_format(&plain, NULL, "%s=", template_type_name(value));
		template_print(json ? value : &(struct template_value){.json = json_null()}, &plain);
		buffer_append_format(output, NULL, "%%!%c(%s)", letter, json ? buffer_text(&plain) : "<nil>");
		return;
	}
	append_padded(verb, text, is_number, output);
}

char *template_printf(const char *format, const struct template_value *arguments, size_t count)
{
	cleanup_buffer struct buffer output = BUFFER_INIT(TEMPLATE_OUTPUT_LIMIT);
	size_t used = 0;
	for (const char *at = format; *at;) {
		size_t plain = strcspn(at, "%");
		buffer_append(&output, at, plain, NULL);
		at += plain;
		if (*at == '\0')
			break;
		struct verb verb;
		at = read_verb(at + 1, &verb);
		if (verb.letter == '%')
			buffer_append(&output, "%", 1, NULL);
		else if (verb.letter == '\0')
			buffer_append_string(&output, "%!(NOVERB)", NULL);
		else if (used == count)
			buffer_append_format(&output, NULL, "%%!%c(MISSING)", verb.letter);
		else
			append_value(&verb, &arguments[used++], &output);
	}
	if (used < count) {
		buffer_append_string(&output, "%!(EXTRA ", NULL);
		for (size_t i = used; i < count; i++) {
			buffer_append_format(&output, NULL, "%s%s=", i > used ? ", " : "",
					     template_type_name(&arguments[i]));
			template_print(&arguments[i], &output);
		}
		buffer_append_string(&output, ")", NULL);
	}
	return buffer_steal(&output);
}
