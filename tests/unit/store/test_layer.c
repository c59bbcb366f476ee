/* From a compressed layer to a folder. The rules of layers themselves are tested with src/archive. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/compression.h"
#include "base/fd.h"
#include "store/layer_folder.h"
#include "support.h"

#define TAR_LIMIT ((size_t)1 << 20)

static void make_tar(const char *path, struct buffer *ret_tar)
{
	struct error err = {0};
	char bytes[65536];
	size_t used = 0;
	struct archive *writer = archive_write_new();
	archive_write_set_format_pax_restricted(writer);
	assert_int_equal(archive_write_open_memory(writer, bytes, sizeof bytes, &used), ARCHIVE_OK);
	struct archive_entry *entry = archive_entry_new();
	archive_entry_set_pathname(entry, path);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, 5);
	assert_int_equal(archive_write_header(writer, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(writer, "hello", 5), 5);
	archive_entry_free(entry);
	assert_int_equal(archive_write_close(writer), ARCHIVE_OK);
	archive_write_free(writer);
	assert_ok(buffer_append(ret_tar, bytes, used, &err), &err);
}

static int count_staging(const struct fixture *fixture)
{
	cleanup_free char *path = format_string("%s/layers/staging", fixture->root);
	cleanup_directory DIR *directory = opendir(path);
	int count = 0;
	for (struct dirent *entry; directory && (entry = readdir(directory));)
		count += entry->d_name[0] != '.';
	return count;
}

static void unpacks(void **state)
{
	struct fixture *fixture = *state;
	struct error err = {0};
	cleanup_buffer struct buffer tar = BUFFER_INIT(TAR_LIMIT);
	make_tar("folder/file", &tar);
	struct digest wanted;
	digest_of_bytes(tar.bytes, tar.size, &wanted);
	static const enum compression kinds[] = {COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		cleanup_buffer struct buffer blob = BUFFER_INIT(TAR_LIMIT);
		struct sink sink = sink_to_buffer(&blob);
		struct compressor *compressor = NULL;
		assert_ok(compressor_new(kinds[i], &sink, &compressor, &err), &err);
		struct sink deflate = compressor_sink(compressor);
		assert_ok(sink_write(&deflate, tar.bytes, tar.size, &err), &err);
		assert_ok(compressor_finish(compressor, &err), &err);
		compressor_free(compressor);

		struct memory_source memory = {.bytes = blob.bytes, .size = blob.size};
		struct source source = source_from_memory(&memory);
		cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
		struct digest diff_id;
		struct layer_totals totals;
		assert_ok(layer_unpack(fixture->store->root_fd, &source, NULL, &staging, &diff_id, &totals, &err),
			  &err);
		assert_string_equal(diff_id.text, wanted.text);
		assert_int_equal(totals.bytes, 5);
		assert_int_equal(memory.position, blob.size);
		assert_ok(layer_staging_commit(&staging, &diff_id, &err), &err);
	}
	int fd;
	assert_ok(layer_folder_open(fixture->store->root_fd, &wanted, &fd, &err), &err);
	cleanup_buffer struct buffer text = BUFFER_INIT(16);
	assert_ok(read_file_at(fd, "folder/file", 16, &text, &err), &err);
	assert_string_equal(buffer_text(&text), "hello");
	close(fd);
	assert_int_equal(count_staging(fixture), 0);
}

static void leaves_nothing_of_a_bad_layer(void **state)
{
	struct fixture *fixture = *state;
	struct error err = {0};
	cleanup_buffer struct buffer tar = BUFFER_INIT(TAR_LIMIT);
	make_tar("../escaped", &tar);
	struct memory_source memory = {.bytes = tar.bytes, .size = tar.size};
	struct source source = source_from_memory(&memory);
	struct layer_staging staging = LAYER_STAGING_INIT;
	struct digest diff_id;
	struct layer_totals totals;
	assert_int_equal(layer_unpack(fixture->store->root_fd, &source, NULL, &staging, &diff_id, &totals, &err), -1);
	assert_int_equal(count_staging(fixture), 0);
	assert_int_equal(faccessat(fixture->store->root_fd, "layers/staging/escaped", F_OK, 0), -1);

	buffer_clear(&tar);
	make_tar("file", &tar);
	memory = (struct memory_source){.bytes = tar.bytes, .size = 700};
	assert_int_equal(layer_unpack(fixture->store->root_fd, &source, NULL, &staging, &diff_id, &totals, &err), -1);
	struct layer_limits limits = {.bytes = 4};
	memory = (struct memory_source){.bytes = tar.bytes, .size = tar.size};
	assert_fails(layer_unpack(fixture->store->root_fd, &source, &limits, &staging, &diff_id, &totals, &err), &err,
		     ERROR_LIMIT);
	assert_int_equal(count_staging(fixture), 0);
}

/* One that is filled and not yet in place. */
static void stage(const struct fixture *fixture, struct layer_staging *ret_staging, struct digest *ret_diff_id)
{
	struct error err = {0};
	cleanup_buffer struct buffer tar = BUFFER_INIT(TAR_LIMIT);
	make_tar("folder/file", &tar);
	struct memory_source memory = {.bytes = tar.bytes, .size = tar.size};
	struct source source = source_from_memory(&memory);
	struct layer_totals totals;
	assert_ok(layer_unpack(fixture->store->root_fd, &source, NULL, ret_staging, ret_diff_id, &totals, &err), &err);
}

static void waits_for_its_place(void **state)
{
	struct fixture *fixture = *state;
	struct error err = {0};
	int root_fd = fixture->store->root_fd;
	struct layer_staging staging = LAYER_STAGING_INIT;
	struct layer_waiting waiting;
	struct digest diff_id;
	stage(fixture, &staging, &diff_id);
	assert_ok(layer_staging_leave(&staging, &waiting, &err), &err);
	assert_int_equal(staging.folder_fd, -1);
	assert_true(waiting.has_record);
	assert_int_equal(count_staging(fixture), 2);
	assert_ok(layer_staging_take(root_fd, &waiting, &staging, &err), &err);
	assert_ok(layer_staging_replace(&staging, &diff_id, &err), &err);
	assert_true(layer_folder_exists(root_fd, &diff_id));
	assert_int_equal(count_staging(fixture), 0);
	cleanup_free char *record = format_string("layers/records/sha256/%s", digest_hex(&diff_id));
	assert_int_equal(faccessat(root_fd, record, F_OK, 0), 0);

	/* Its record is gone: it is not what it was. */
	stage(fixture, &staging, &diff_id);
	assert_ok(layer_staging_leave(&staging, &waiting, &err), &err);
	cleanup_free char *path = format_string("layers/staging/%s.record", waiting.name);
	assert_int_equal(unlinkat(root_fd, path, 0), 0);
	assert_fails(layer_staging_take(root_fd, &waiting, &staging, &err), &err, ERROR_NOT_FOUND);
	assert_ok(store_collect(fixture->store, NULL, &err), &err);
	assert_int_equal(count_staging(fixture), 0);
	waiting.has_record = false;
	assert_fails(layer_staging_take(root_fd, &waiting, &staging, &err), &err, ERROR_NOT_FOUND);

	static const char *const bad[] = {"", "../sha256", "0123456789abcdef0123456789abcde/",
					  "0123456789abcdef0123456789abcdeF"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct layer_waiting none = {0};
		memcpy(none.name, bad[i], strlen(bad[i]));
		assert_fails(layer_staging_take(root_fd, &none, &staging, &err), &err, ERROR_INVALID);
	}
}

static void forgets_what_a_layer_became(void **state)
{
	struct fixture *fixture = *state;
	struct error err = {0};
	int root_fd = fixture->store->root_fd;
	static const char *const texts[] = {"one", NULL};
	struct image image;
	struct image_layer *layers = NULL;
	size_t count;
	assert_ok(make_image(fixture->store, texts, "x", "one:1", NULL, &image, &err), &err);
	assert_ok(image_layers(fixture->store, &image.id, &layers, &count, &err), &err);
	cleanup_free char *kept = format_string("cache/compressed/sha256-%s-gzip-0", digest_hex(&layers[0].diff_id));
	image_layers_free(layers, count);
	cleanup_free char *gone = format_string("cache/compressed/sha256-%064d-zstd-19", 7);
	const char *const all[] = {kept, gone, "cache/compressed/junk", "cache/compressed/sha256-../x-gzip-0junk"};
	assert_int_equal(mkdirat(root_fd, "cache", 0700) < 0 && errno != EEXIST, 0);
	assert_int_equal(mkdirat(root_fd, "cache/compressed", 0700), 0);
	assert_int_equal(mkdirat(root_fd, "cache/compressed/sha256-..", 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		cleanup_close int fd = openat(root_fd, all[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
	}
	cleanup_string_list struct string_list garbage = {0};
	assert_ok(store_list_garbage(fixture->store, &garbage, &err), &err);
	assert_true(string_list_contains(&garbage, gone));
	assert_false(string_list_contains(&garbage, kept));
	assert_ok(store_collect(fixture->store, NULL, &err), &err);
	assert_int_equal(faccessat(root_fd, kept, F_OK, 0), 0);
	for (size_t i = 1; i < ARRAY_SIZE(all); i++)
		assert_int_equal(faccessat(root_fd, all[i], F_OK, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(unpacks, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(leaves_nothing_of_a_bad_layer, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(waits_for_its_place, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(forgets_what_a_layer_became, fixture_set_up, fixture_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
