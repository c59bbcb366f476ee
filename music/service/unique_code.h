/* The code that tells one user's exercise from another's. */
#pragma once

#define UNIQUE_CODE_SIZE 65 /* 64 hexadecimal digits and a NUL */

/* The SHA-256 of the user id in lower case followed by the exercise, as hexadecimal text. */
void unique_code_make(const char *user_id, const char *exercise, char code[UNIQUE_CODE_SIZE]);
