/* --ulimit NAME=SOFT[:HARD], -1 for none; the words of errors are Docker's. */
#pragma once

#include "base/error.h"
#include "runtime/spec.h"

int ulimit_parse(const char *text, struct spec_limit *ret_limit, struct error *err);
