/*
 * Short texts of words and numbers, written and read without stdio: the monitor stays small for it, and what is read is
 * taken strictly.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Appends at text[used], of `size` bytes in all; what does not fit is left out. Returns the new used. */
size_t text_add(char *text, size_t size, size_t used, const char *word);
size_t text_add_number(char *text, size_t size, size_t used, uint64_t number);

/* "coracle: N bytes of this log are lost: …", with the text of an errno. */
size_t text_add_loss(char *text, size_t size, size_t used, uint64_t bytes, int reason);

/* Each moves *text behind what it took, and leaves it alone where it returns false. */
bool text_take(const char **text, const char *word);
/* Decimal digits only, no sign, no leading zero but for 0 itself, at most `limit`. */
bool text_take_number(const char **text, int64_t limit, int64_t *ret_number);

/* "exited CODE FINISH OOM", the end that status and lock have in common. */
struct exit_text {
	int code;
	int64_t finished; /* nanoseconds since 1970 */
	bool out_of_memory;
};
size_t text_add_exit(char *text, size_t size, size_t used, const struct exit_text *end);
bool text_take_exit(const char **text, struct exit_text *ret_end);
