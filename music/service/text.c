#include "text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text *text_new(const char *bytes, size_t size)
{
	struct text *text = malloc(sizeof *text + size + 1);
	if (!text)
		abort();
	text->references = 1;
	text->size = size;
	if (size)
		memcpy(text->bytes, bytes, size);
	text->bytes[size] = '\0';
	return text;
}

struct text *text_from(const char *string)
{
	return text_new(string, strlen(string));
}

struct text *text_hold(struct text *text)
{
	__atomic_add_fetch(&text->references, 1, __ATOMIC_RELAXED);
	return text;
}

void text_drop(struct text *text)
{
	if (text && __atomic_sub_fetch(&text->references, 1, __ATOMIC_ACQ_REL) == 0)
		free(text);
}

static char *reserve(struct builder *builder, size_t size)
{
	size_t used = builder->text ? builder->text->size : 0;
	if (!builder->text || builder->allocated - used < size + 1) {
		builder->allocated = 2 * (used + size) + 128;
		struct text *grown = realloc(builder->text, sizeof *grown + builder->allocated);
		if (!grown)
			abort();
		if (!builder->text)
			*grown = (struct text){.references = 1};
		builder->text = grown;
	}
	return builder->text->bytes + used;
}

void builder_add(struct builder *builder, const void *bytes, size_t size)
{
	memcpy(reserve(builder, size), bytes, size);
	builder->text->size += size;
}

void builder_add_string(struct builder *builder, const char *string)
{
	builder_add(builder, string, strlen(string));
}

void builder_add_format(struct builder *builder, const char *format, ...)
{
	char *line;
	va_list arguments;
	va_start(arguments, format);
	int size = vasprintf(&line, format, arguments);
	va_end(arguments);
	if (size < 0)
		abort();
	builder_add(builder, line, (size_t)size);
	free(line);
}

void builder_add_json(struct builder *builder, const char *string)
{
	builder_add(builder, "\"", 1);
	while (*string) {
		size_t plain = 0;
		while ((unsigned char)string[plain] >= ' ' && string[plain] != '"' && string[plain] != '\\')
			plain++;
		builder_add(builder, string, plain);
		string += plain;
		if (!*string)
			break;
		if (*string == '\n')
			builder_add_string(builder, "\\n");
		else if (*string == '"' || *string == '\\')
			builder_add(builder, (char[]){'\\', *string}, 2);
		else
			builder_add_format(builder, "\\u%04x", *string);
		string++;
	}
	builder_add(builder, "\"", 1);
}

struct text *text_of_builder(struct builder *builder)
{
	*reserve(builder, 0) = '\0';
	struct text *text = builder->text;
	*builder = (struct builder){0};
	return text;
}

bool utf8_is_valid(const char *string)
{
	const uint8_t *at = (const uint8_t *)string;
	while (*at) {
		if (*at < 0x80) {
			at++;
			continue;
		}
		int more = *at >= 0xc2 && *at <= 0xdf	? 1
			   : (*at & 0xf0) == 0xe0	? 2
			   : *at >= 0xf0 && *at <= 0xf4 ? 3
							: 0;
		if (!more)
			return false;
		uint32_t point = *at++ & (0x3fu >> more);
		for (int i = 0; i < more; i++, at++) {
			if ((*at & 0xc0) != 0x80)
				return false;
			point = point << 6 | (*at & 0x3f);
		}
		static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
		if (point < least[more] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
			return false;
	}
	return true;
}

/* All of these are of two bytes in UTF-8, in both cases. */
static unsigned fold_point(unsigned point)
{
	if ((point >= 0xc0 && point <= 0xde && point != 0xd7) || (point >= 0x391 && point <= 0x3a9) ||
	    (point >= 0x410 && point <= 0x42f))
		return point + 32;
	if (point >= 0x400 && point <= 0x40f)
		return point + 80;
	bool lower_is_odd = (point >= 0x100 && point <= 0x137 && point != 0x130) || (point >= 0x14a && point <= 0x177);
	bool lower_is_even = (point >= 0x139 && point <= 0x148) || (point >= 0x179 && point <= 0x17e);
	if ((lower_is_odd && point % 2 == 0) || (lower_is_even && point % 2 == 1))
		return point + 1;
	return point == 0x178 ? 0xff : point;
}

void utf8_fold(char *string)
{
	for (; *string; string++) {
		unsigned char first = (unsigned char)string[0], second = (unsigned char)string[1];
		if (first >= 'A' && first <= 'Z') {
			*string = (char)(first + 32);
		} else if (first >= 0xc3 && first <= 0xd0 && second >= 0x80) {
			unsigned point = fold_point((first & 0x1fu) << 6 | (second & 0x3fu));
			string[0] = (char)(0xc0 | point >> 6);
			string[1] = (char)(0x80 | (point & 0x3f));
			string++;
		}
	}
}
