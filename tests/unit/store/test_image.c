#include <string.h>
#include <unistd.h>

#include "store/build_cache.h"
#include "store/layer_folder.h"
#include "support.h"

static const char *const base_layers[] = {"base", "app", NULL};
static const char *const other_layers[] = {"base", "other", NULL};

static void assert_lines(const struct string_list *lines, const char *first, const char *second, const char *third)
{
	const char *const wanted[] = {first, second, third};
	for (size_t i = 0; i < ARRAY_SIZE(wanted) && wanted[i]; i++) {
		if (i >= lines->count || strncmp(lines->items[i], wanted[i], strlen(wanted[i])) != 0)
			fail_msg("line %zu is \"%s\", not \"%s\"", i, i < lines->count ? lines->items[i] : "(none)",
				 wanted[i]);
	}
}

static void puts_and_finds(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	struct image image, found;
	assert_ok(make_image(store, base_layers, "1", "s2-standalone:v0.75", NULL, &image, &err), &err);
	assert_int_equal(image.size, 7);
	assert_true(image.created == 1795489445 * NANOSECONDS_PER_SECOND);
	const char *const texts[] = {"s2-standalone:v0.75", "docker.io/library/s2-standalone:v0.75", image.id.text,
				     digest_hex(&image.id)};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_ok(image_find(store, texts[i], &found, &err), &err);
		assert_string_equal(found.id.text, image.id.text);
	}
	char prefix[32];
	snprintf(prefix, sizeof prefix, "%.12s", digest_hex(&image.id));
	assert_ok(image_find(store, prefix, &found, &err), &err);
	snprintf(prefix, sizeof prefix, "%.19s", image.id.text);
	assert_ok(image_find(store, prefix, &found, &err), &err);
	assert_fails(image_find(store, "s2-standalone", &found, &err), &err, ERROR_NOT_FOUND);
	assert_string_equal(err.message, "No such image: s2-standalone:latest");
	assert_fails(image_find(store, "UPPER", &found, &err), &err, ERROR_INVALID);
	assert_fails(image_find(store, "sha256:../../x", &found, &err), &err, ERROR_NOT_FOUND);
	cleanup_image_config struct image_config config = {0};
	assert_ok(image_read_config(store, &image, &config, &err), &err);
	assert_int_equal(config.diff_id_count, 2);
	cleanup_manifest struct manifest manifest = {0};
	assert_ok(image_read_manifest(store, &image, &manifest, NULL, &err), &err);
	assert_int_equal(manifest.layer_count, 2);
	struct image_layer *layers = NULL;
	size_t count = 0;
	assert_ok(image_layers(store, &image.id, &layers, &count, &err), &err);
	assert_int_equal(count, 2);
	assert_string_equal(layers[1].diff_id.text, config.diff_ids[1].text);
	image_layers_free(layers, count);
}

static void refuses_what_is_not_whole(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	struct image image;
	assert_ok(make_image(store, base_layers, "1", NULL, NULL, &image, &err), &err);
	struct image_layer *layers = NULL;
	size_t count = 0;
	assert_ok(image_layers(store, &image.id, &layers, &count, &err), &err);
	struct digest absent;
	digest_of_bytes("absent", 6, &absent);
	assert_fails(image_put(store, &absent, layers, count, NULL, NULL, &image, &err), &err, ERROR_NOT_FOUND);
	assert_fails(image_put(store, &image.manifest, layers, 1, NULL, NULL, &image, &err), &err, ERROR_INVALID);
	struct image_layer swapped[2] = {layers[1], layers[0]};
	assert_fails(image_put(store, &image.manifest, swapped, 2, NULL, NULL, &image, &err), &err, ERROR_CORRUPT);
	swapped[0] = layers[0], swapped[1] = layers[1];
	swapped[1].blob.digest = layers[0].blob.digest;
	assert_fails(image_put(store, &image.manifest, swapped, 2, NULL, NULL, &image, &err), &err, ERROR_CORRUPT);
	assert_ok(layer_folder_remove(store->root_fd, &layers[1].diff_id, &err), &err);
	assert_fails(image_put(store, &image.manifest, layers, 2, NULL, NULL, &image, &err), &err, ERROR_NOT_FOUND);
	assert_ok(store->blobs->operations->remove(store->blobs, &image.id, &err), &err);
	assert_fails(image_put(store, &image.manifest, layers, 2, NULL, NULL, &image, &err), &err, ERROR_NOT_FOUND);
	image_layers_free(layers, count);
}

static void lists_dangling_and_digests(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	struct image first, second, pulled;
	struct digest digest;
	digest_of_bytes("index", 5, &digest);
	assert_ok(make_image(store, base_layers, "1", "app", NULL, &first, &err), &err);
	assert_ok(make_image(store, base_layers, "2", "app", NULL, &second, &err), &err);
	assert_ok(make_image(store, other_layers, "3", "ghcr.test/u/app:v1", &digest, &pulled, &err), &err);
	cleanup_image_list struct image_list list = {0};
	assert_ok(image_list(store, NULL, &list, &err), &err);
	assert_int_equal(list.count, 3);
	/* All were created at the same time, so what was stored last is first. */
	assert_string_equal(list.items[0].name, "ghcr.test/u/app");
	assert_string_equal(list.items[0].tag, "v1");
	assert_string_equal(list.items[0].repository_digest.text, digest.text);
	assert_string_equal(list.items[1].tag, "latest");
	assert_string_equal(list.items[1].image.id.text, second.id.text);
	assert_null(list.items[2].name);
	assert_null(list.items[2].tag);
	assert_string_equal(list.items[2].image.id.text, first.id.text);
	image_list_release(&list);
	assert_ok(image_list(store, "docker.io/library/app", &list, &err), &err);
	assert_int_equal(list.count, 1);
	image_list_release(&list);
	/* A pull of a newer image under the same tag leaves the older one under its digest. */
	struct digest newer;
	digest_of_bytes("newer", 5, &newer);
	assert_ok(make_image(store, other_layers, "4", "ghcr.test/u/app:v1", &newer, &second, &err), &err);
	assert_ok(image_list(store, "ghcr.test/u/app", &list, &err), &err);
	assert_int_equal(list.count, 2);
	assert_null(list.items[1].tag);
	assert_string_equal(list.items[1].repository_digest.text, digest.text);
	cleanup_free char *by_digest = format_string("ghcr.test/u/app@%s", digest.text);
	struct image found;
	assert_ok(image_find(store, by_digest, &found, &err), &err);
	assert_string_equal(found.id.text, pulled.id.text);
	cleanup_reference struct reference reference = {0};
	assert_ok(reference_parse("ghcr.test/u/app:v1", &reference, &err), &err);
	assert_ok(image_find_reference(store, &reference, &found, &digest, &err), &err);
	assert_string_equal(digest.text, newer.text);
	assert_string_equal(found.id.text, second.id.text);
}

/* Each tag of a repository has the digest that came last; other repositories' tags have theirs, or none. */
static void lists_the_last_digest(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	struct image image;
	struct digest digests[3];
	static const char *const names[] = {"app:one", "app:two", "app:two"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		digest_of_bytes(&(char){(char)('c' - i)}, 1, &digests[i]);
		assert_ok(make_image(store, base_layers, "1", names[i], &digests[i], &image, &err), &err);
	}
	cleanup_reference struct reference local = {0};
	assert_ok(reference_parse("local:three", &local, &err), &err);
	assert_ok(image_tag_set(store, &local, &image.id, NULL, &err), &err);
	cleanup_image_list struct image_list list = {0};
	assert_ok(image_list(store, NULL, &list, &err), &err);
	assert_int_equal(list.count, 3);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(list.items[i].tag, names[i] + strlen("app:"));
		assert_string_equal(list.items[i].repository_digest.text, digests[2].text);
	}
	assert_string_equal(list.items[2].tag, "three");
	assert_false(digest_is_set(&list.items[2].repository_digest));
}

static void removes_as_docker_does(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	struct image image, other;
	struct digest digest;
	digest_of_bytes("index", 5, &digest);
	assert_ok(make_image(store, other_layers, "0", "other", NULL, &other, &err), &err);
	assert_ok(make_image(store, base_layers, "1", "ghcr.test/u/app:v1", &digest, &image, &err), &err);
	cleanup_free char *deleted = format_string("Deleted: %s", image.id.text);
	cleanup_free char *untagged = format_string("Untagged: ghcr.test/u/app@%s", digest.text);
	cleanup_string_list struct string_list lines = {0};
	assert_ok(image_remove(store, "ghcr.test/u/app:v1", false, &lines, &err), &err);
	/* The image, and of its two layers the one that "other" has not. */
	assert_int_equal(lines.count, 4);
	assert_lines(&lines, "Untagged: ghcr.test/u/app:v1", untagged, deleted);
	string_list_release(&lines);
	assert_fails(image_remove(store, "ghcr.test/u/app:v1", false, &lines, &err), &err, ERROR_NOT_FOUND);
	assert_string_equal(err.message, "No such image: ghcr.test/u/app:v1");

	/* Two tags: the image stays with the second. */
	assert_ok(make_image(store, base_layers, "1", "app:a", NULL, &image, &err), &err);
	cleanup_reference struct reference reference = {0};
	assert_ok(reference_parse("elsewhere/app:b", &reference, &err), &err);
	assert_ok(image_tag_set(store, &reference, &image.id, NULL, &err), &err);
	assert_fails(image_remove(store, digest_hex(&image.id), false, &lines, &err), &err, ERROR_CONFLICT);
	cleanup_free char *text =
		format_string("conflict: unable to delete %.12s (must be forced) - image is referenced in "
			      "multiple repositories",
			      digest_hex(&image.id));
	assert_string_equal(err.message, text);
	assert_ok(image_remove(store, "app:a", false, &lines, &err), &err);
	assert_int_equal(lines.count, 1);
	string_list_release(&lines);
	assert_ok(image_find(store, image.id.text, &other, &err), &err);
	assert_ok(image_remove(store, image.id.text, false, &lines, &err), &err);
	assert_lines(&lines, "Untagged: elsewhere/app:b", deleted, NULL);
	assert_fails(image_find(store, image.id.text, &other, &err), &err, ERROR_NOT_FOUND);
}

static void keeps_images_that_containers_use(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	struct image image;
	cleanup_string_list struct string_list lines = {0};
	cleanup_container_record struct container_record record = {0};
	assert_ok(make_image(store, base_layers, "1", "app", NULL, &image, &err), &err);
	make_record(store, "c1", &image, &record);
	assert_ok(container_add(store, &record, &err), &err);
	assert_fails(image_remove(store, "app", false, &lines, &err), &err, ERROR_CONFLICT);
	cleanup_free char *by_name =
		format_string("conflict: unable to remove repository reference \"app\" (must force) - "
			      "container %.12s is using its referenced image %.12s",
			      record.id, digest_hex(&image.id));
	assert_string_equal(err.message, by_name);
	assert_fails(image_remove(store, image.id.text, false, &lines, &err), &err, ERROR_CONFLICT);
	assert_non_null(strstr(err.message, "(must be forced) - image is being used by stopped container"));
	assert_ok(container_set_started(store, record.id, time_now(), &err), &err);
	assert_fails(image_remove(store, image.id.text, true, &lines, &err), &err, ERROR_CONFLICT);
	cleanup_free char *running =
		format_string("conflict: unable to delete %.12s (cannot be forced) - image is being used "
			      "by running container %.12s",
			      digest_hex(&image.id), record.id);
	assert_string_equal(err.message, running);
	/* By name and by force the name goes and the image stays. */
	assert_ok(image_remove(store, "app", true, &lines, &err), &err);
	assert_int_equal(lines.count, 1);
	string_list_release(&lines);
	assert_ok(container_set_finished(store, record.id, time_now(), 3, &err), &err);
	assert_ok(image_remove(store, image.id.text, true, &lines, &err), &err);
	/* The container still has its layers, and no image. */
	container_record_release(&record);
	assert_ok(container_find(store, "c1", &record, &err), &err);
	assert_false(digest_is_set(&record.image));
	assert_int_equal(record.exit_code, 3);
	struct store_collected collected;
	assert_ok(store_collect(store, &collected, &err), &err);
	assert_int_equal(collected.layers, 0);
	struct digest *diff_ids = NULL;
	size_t count = 0;
	assert_ok(container_layers(store, record.id, &diff_ids, &count, &err), &err);
	assert_int_equal(count, 2);
	assert_true(layer_folder_exists(store->root_fd, &diff_ids[0]));
	free(diff_ids);
	assert_ok(container_remove(store, record.id, &err), &err);
	assert_ok(store_collect(store, &collected, &err), &err);
	assert_int_equal(collected.layers, 2);
}

/* The same image under another manifest: the known one stays while its blobs are here. */
static void keeps_a_manifest_that_can_be_pushed(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	struct image image, again;
	assert_ok(make_image(store, base_layers, "1", "app", NULL, &image, &err), &err);
	cleanup_manifest struct manifest manifest = {0};
	assert_ok(image_read_manifest(store, &image, &manifest, NULL, &err), &err);
	struct image_layer *layers = NULL;
	size_t count = 0;
	assert_ok(image_layers(store, &image.id, &layers, &count, &err), &err);
	digest_of_bytes("compressed elsewhere", 20, &manifest.layers[0].digest);
	struct digest mine = layers[0].blob.digest, other;
	layers[0].blob.digest = manifest.layers[0].digest;
	cleanup_free char *text = manifest_serialize(&manifest);
	assert_ok(blob_write(store->blobs, text, strlen(text), &other, &err), &err);
	assert_ok(image_put(store, &other, layers, count, NULL, NULL, &again, &err), &err);
	assert_string_equal(again.manifest.text, image.manifest.text);
	assert_ok(store->blobs->operations->remove(store->blobs, &mine, &err), &err);
	assert_ok(image_put(store, &other, layers, count, NULL, NULL, &again, &err), &err);
	assert_string_equal(again.manifest.text, other.text);
	assert_true(again.stored == image.stored);
	image_layers_free(layers, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(puts_and_finds, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(refuses_what_is_not_whole, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(lists_dangling_and_digests, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(lists_the_last_digest, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(removes_as_docker_does, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(keeps_images_that_containers_use, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(keeps_a_manifest_that_can_be_pushed, fixture_set_up, fixture_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
