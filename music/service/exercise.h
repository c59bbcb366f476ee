/*
 * The exercises. Each app-aN.c holds one: its own place for the unique code to be pasted, and the test that fails until
 * the right one is there. One of them is compiled in (--build-arg ASSIGN=aN).
 */
#pragma once

#include <stdbool.h>

/* "a3". */
extern const char exercise_name[];

/* What GET /api/v1/music/test asks: whether the pasted code is `expected`, 64 hexadecimal digits. */
bool exercise_test(const char *expected);
