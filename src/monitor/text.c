#include "monitor/text.h"

#include <string.h>

size_t text_add(char *text, size_t size, size_t used, const char *word)
{
	size_t length = strlen(word);
	if (length > size - used)
		length = size - used;
	memcpy(text + used, word, length);
	return used + length;
}

size_t text_add_number(char *text, size_t size, size_t used, uint64_t number)
{
	char digits[24];
	size_t at = sizeof digits;
	digits[--at] = '\0';
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	return text_add(text, size, used, digits + at);
}

size_t text_add_loss(char *text, size_t size, size_t used, uint64_t bytes, int reason)
{
	const char *word = strerrordesc_np(reason);
	used = text_add(text, size, used, "coracle: ");
	used = text_add_number(text, size, used, bytes);
	used = text_add(text, size, used, " bytes of this log are lost: it could not be written: ");
	return text_add(text, size, used, word ? word : "unknown error");
}

bool text_take(const char **text, const char *word)
{
	size_t length = strlen(word);
	if (strncmp(*text, word, length) != 0)
		return false;
	*text += length;
	return true;
}

bool text_take_number(const char **text, int64_t limit, int64_t *ret_number)
{
	const char *at = *text;
	int64_t number = 0;
	for (; *at >= '0' && *at <= '9'; at++) {
		int digit = *at - '0';
		if (number > (limit - digit) / 10 || (at > *text && number == 0))
			return false;
		number = number * 10 + digit;
	}
	if (at == *text || number > limit)
		return false;
	*text = at;
	*ret_number = number;
	return true;
}

size_t text_add_exit(char *text, size_t size, size_t used, const struct exit_text *end)
{
	used = text_add(text, size, used, "exited ");
	used = text_add_number(text, size, used, (uint64_t)end->code);
	used = text_add(text, size, used, " ");
	used = text_add_number(text, size, used, (uint64_t)end->finished);
	return text_add(text, size, used, end->out_of_memory ? " 1" : " 0");
}

bool text_take_exit(const char **text, struct exit_text *ret_end)
{
	const char *at = *text;
	int64_t code, finished, out_of_memory;
	if (!text_take(&at, "exited ") || !text_take_number(&at, 255, &code) || !text_take(&at, " ") ||
	    !text_take_number(&at, INT64_MAX, &finished) || !text_take(&at, " ") ||
	    !text_take_number(&at, 1, &out_of_memory))
		return false;
	*text = at;
	*ret_end = (struct exit_text){(int)code, finished, out_of_memory != 0};
	return true;
}
