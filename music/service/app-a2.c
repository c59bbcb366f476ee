/*
 * Exercise 2.
 *
 * The service's log names your unique code on its first line. Paste it between the quotes below, build the image again,
 * and the test of the music service succeeds.
 */
#include "exercise.h"

#include <string.h>

const char exercise_name[] = "a2";

static const char unique_code[] = "";

bool exercise_test(const char *expected)
{
	return strcmp(unique_code, expected) == 0;
}
