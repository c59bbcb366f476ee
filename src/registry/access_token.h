/*
 * Personal access tokens: "crt_", 34 random letters and digits (202 bits), and 6 that are a checksum over what is
 * before them, so that a mistyped token is told without asking the database and a secret scanner can be sure of one.
 */
#pragma once

#include <stdbool.h>

#define ACCESS_TOKEN_PREFIX    "crt_"
#define ACCESS_TOKEN_TEXT_SIZE 45 /* with the NUL */
#define ACCESS_TOKEN_HASH_SIZE 32

void access_token_generate(char text[ACCESS_TOKEN_TEXT_SIZE]);
/* Whether it has the form and its checksum. */
bool access_token_is_valid(const char *text);
/* SHA-256 of the text: what is kept of it. A hash for passwords would add nothing to 202 random bits. */
void access_token_hash(const char *text, unsigned char hash[ACCESS_TOKEN_HASH_SIZE]);
