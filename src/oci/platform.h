/* OS and architecture of an image, in Go's words (GOOS, GOARCH), as OCI's image index has them. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/memory.h"

struct platform {
	char os[32];	       /* "linux" */
	char architecture[32]; /* "amd64", "arm64" */
	char variant[32];      /* "v8"; "" where none */
};

/* This machine's. */
void platform_host(struct platform *ret_platform);
/* "linux/arm64/v8", "linux/amd64", "arm64". */
int platform_parse(const char *text, struct platform *ret_platform, struct error *err);
/* As Docker writes it: a variant that the architecture has anyway is left out, and arm is v7. */
void platform_canonicalize(struct platform *platform);
char *platform_text(const struct platform *platform);
/* Whether an image of `offered` runs where `wanted` is asked for; an empty variant matches any. */
bool platform_matches(const struct platform *wanted, const struct platform *offered);
