#include "monitor/detach_keys.h"

#include <string.h>

static bool parse_key(const char *word, size_t length, char *ret_key)
{
	if (length == 1) {
		*ret_key = word[0];
		return true;
	}
	if (length != 6 || strncmp(word, "ctrl-", 5) != 0)
		return false;
	char key = word[5];
	if ((key < 'a' || key > 'z') && key != '@' && (key < '[' || key > '_'))
		return false;
	*ret_key = (char)(key & 0x1f);
	return true;
}

int detach_keys_parse(const char *text, struct detach_keys *ret_keys, struct error *err)
{
	struct detach_keys keys = {0};
	while (text && *text) {
		size_t length = strcspn(text, ",");
		char key;
		if (keys.count == MAX_DETACH_KEYS)
			return error_set(err, ERROR_LIMIT, "invalid detach keys: more than %d keys", MAX_DETACH_KEYS);
		if (!parse_key(text, length, &key))
			return error_set(
				err, ERROR_USAGE,
				"invalid detach keys: Unknown character: '%.*s' (use single characters or ctrl-"
				" and one of a-z @ [ \\ ] ^ _, separated by commas)",
				(int)length, text);
		keys.keys[keys.count++] = key;
		text += length;
		if (*text == ',')
			text++;
	}
	*ret_keys = keys;
	return 0;
}

bool detach_keys_filter(struct detach_keys *keys, const char *typed, size_t size, char *out, size_t *ret_size)
{
	size_t used = 0;
	for (size_t i = 0; i < size; i++) {
		if (keys->count > 0 && typed[i] != keys->keys[keys->matched]) {
			memcpy(out + used, keys->keys, keys->matched);
			used += keys->matched;
			keys->matched = 0;
		}
		if (keys->count == 0 || typed[i] != keys->keys[keys->matched])
			out[used++] = typed[i];
		else if (++keys->matched == keys->count)
			break;
	}
	*ret_size = used;
	return keys->count > 0 && keys->matched == keys->count;
}
