/* Whole numbers in what clients send: digits and nothing else. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* All of the text; false where it is not a number below 2^63. */
bool number_parse(const char *text, uint64_t *ret_number);
/* The digits at *at, which is moved behind them; false where there are none, or too many. */
bool number_scan(const char **at, uint64_t *ret_number);
