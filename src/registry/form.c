#include "registry/form.h"

#include <string.h>

#include "base/memory.h"

static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit |= 0x20;
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static char *decode(const char *text, size_t length)
{
	char *decoded = allocate(length + 1);
	size_t used = 0;
	for (size_t i = 0; i < length; i++) {
		int high, low;
		if (text[i] == '%' && i + 2 < length && (high = digit_value(text[i + 1])) >= 0 &&
		    (low = digit_value(text[i + 2])) >= 0 && (high || low)) {
			decoded[used++] = (char)(high << 4 | low);
			i += 2;
		} else {
			decoded[used++] = (char)(text[i] == '+' ? ' ' : text[i]);
		}
	}
	return decoded;
}

char *form_get(const char *form, const char *name)
{
	size_t name_length = strlen(name);
	while (*form) {
		size_t length = strcspn(form, "&");
		if (length > name_length && form[name_length] == '=' && strncmp(form, name, name_length) == 0)
			return decode(form + name_length + 1, length - name_length - 1);
		form += length;
		form += *form == '&';
	}
	return NULL;
}
