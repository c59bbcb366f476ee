/* Random bytes of the kernel, as hexadecimal text. */
#pragma once

#include <stddef.h>

void random_bytes(void *bytes, size_t size);
/* `digits` lower-case hexadecimal digits (an even number) and a NUL. */
void random_hex(char *text, size_t digits);
/* `size` bytes as 2 * size lower-case digits and a NUL. */
void hex_encode(const void *bytes, size_t size, char *text);
