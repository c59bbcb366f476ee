/* What the tests of the store share: a store in a folder of its own, and small images to put into it. */
#pragma once

/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/container.h"
#include "store/image.h"
#include "store/store.h"

struct fixture {
	char *folder; /* holds root/ and run/ */
	char *root;
	char *run_root;
	struct store *store;
};

/* For cmocka: *state is a struct fixture. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);
/* The same store opened once more, as another process does. */
struct store *fixture_open(const struct fixture *fixture);

/* Fails the test with the error's message. */
#define assert_ok(call, err)                                                                                           \
	do {                                                                                                           \
		if ((call) < 0)                                                                                        \
			fail_msg("%s: %s", #call, (err)->message);                                                     \
	} while (0)
#define assert_fails(call, err, wanted)                                                                                \
	do {                                                                                                           \
		error_clear(err);                                                                                      \
		if ((call) >= 0)                                                                                       \
			fail_msg("%s succeeded", #call);                                                               \
		if ((err)->kind != (wanted))                                                                           \
			fail_msg("%s: kind %d: %s", #call, (int)(err)->kind, (err)->message);                          \
	} while (0)

/* A layer whose folder holds one file with this text. */
int make_layer(struct store *store, const char *text, struct image_layer *ret_layer, struct error *err);
/*
 * Layers, config and manifest of an image. `texts` is NULL-terminated, one text a layer; `variant` goes into the config
 * so that equal layers can make different images.
 */
int make_image(struct store *store, const char *const *texts, const char *variant, const char *tag,
	       const struct digest *repository_digest, struct image *ret_image, struct error *err);
/* A record that is ready to be added. */
void make_record(struct store *store, const char *name, const struct image *image, struct container_record *ret_record);
