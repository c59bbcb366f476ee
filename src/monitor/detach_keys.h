/*
 * The keys that leave a container running: "ctrl-p,ctrl-q". Docker's form: keys separated by commas, each a single
 * character or "ctrl-" and one of a-z @ [ \ ] ^ _.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define MAX_DETACH_KEYS 16

struct detach_keys {
	char keys[MAX_DETACH_KEYS];
	size_t count;	/* 0: no keys */
	size_t matched; /* of what was typed last */
};

/* NULL or "": no keys. */
int detach_keys_parse(const char *text, struct detach_keys *ret_keys, struct error *err);
/*
 * Copies what was typed to `out`, which has room for size + MAX_DETACH_KEYS bytes, holding back the beginning of the
 * sequence until it is known not to be one. True: the sequence was typed; what came before it is in `out`.
 */
bool detach_keys_filter(struct detach_keys *keys, const char *typed, size_t size, char *out, size_t *ret_size);
