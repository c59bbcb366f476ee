/* A layer's archive is made again, to the byte, from its folder and its record. */
#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/layer_folder.h"
#include "store/layer_record.h"
#include "support.h"

#define TAR_LIMIT ((size_t)1 << 20)
#define BIG_SIZE  100000

static void add(struct archive *writer, const char *path, const char *hard_link, size_t size, bool is_sparse)
{
	static char bytes[BIG_SIZE];
	memset(bytes, 'x', sizeof bytes);
	struct archive_entry *entry = archive_entry_new();
	archive_entry_set_pathname(entry, path);
	archive_entry_set_filetype(entry, path[strlen(path) - 1] == '/' ? AE_IFDIR : AE_IFREG);
	archive_entry_set_perm(entry, 0755);
	archive_entry_set_mtime(entry, 1000000000, 5);
	if (hard_link)
		archive_entry_set_hardlink(entry, hard_link);
	else
		archive_entry_set_size(entry, (la_int64_t)size);
	if (is_sparse)
		archive_entry_sparse_add_entry(entry, 50000, 10);
	assert_int_equal(archive_write_header(writer, entry), ARCHIVE_OK);
	if (size > 0)
		assert_int_equal(archive_write_data(writer, bytes, size), size);
	archive_entry_free(entry);
}

static void make_tar(int (*set_format)(struct archive *), bool is_sparse, bool comes_twice, struct buffer *ret_tar)
{
	struct error err = {0};
	static char bytes[TAR_LIMIT];
	char longest[300];
	size_t used = 0;
	memset(longest, 'n', sizeof longest);
	memcpy(longest, "folder/", 7);
	longest[sizeof longest - 1] = longest[200] = '\0';
	longest[100] = '/';
	struct archive *writer = archive_write_new();
	assert_int_equal(set_format(writer), ARCHIVE_OK);
	assert_int_equal(archive_write_open_memory(writer, bytes, sizeof bytes, &used), ARCHIVE_OK);
	add(writer, "folder/", NULL, 0, false);
	add(writer, "folder/small", NULL, 1, false);
	add(writer, "./folder/empty", NULL, 0, false);
	add(writer, longest, NULL, BIG_SIZE, false);
	add(writer, "block", NULL, 512, false);
	add(writer, "again", "folder/small", 0, false);
	if (is_sparse)
		add(writer, "sparse", NULL, BIG_SIZE, true);
	if (comes_twice)
		add(writer, "block", NULL, 7, false);
	assert_int_equal(archive_write_close(writer), ARCHIVE_OK);
	archive_write_free(writer);
	assert_ok(buffer_append(ret_tar, bytes, used, &err), &err);
}

static void store_layer(struct fixture *fixture, const struct buffer *tar, struct digest *ret_diff_id)
{
	struct error err = {0};
	struct memory_source memory = {.bytes = tar->bytes, .size = tar->size};
	struct source source = source_from_memory(&memory);
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	struct layer_totals totals;
	assert_ok(layer_unpack(fixture->store->root_fd, &source, NULL, &staging, ret_diff_id, &totals, &err), &err);
	assert_ok(layer_staging_commit(&staging, ret_diff_id, &err), &err);
}

static int join(struct fixture *fixture, const struct digest *diff_id, struct buffer *ret_tar, uint64_t *ret_size,
		struct error *err)
{
	cleanup_layer_archive struct layer_archive *archive = NULL;
	if (layer_archive_open(fixture->store->root_fd, diff_id, &archive, err) < 0)
		return -1;
	struct source source = layer_archive_source(archive);
	struct sink sink = sink_to_buffer(ret_tar);
	*ret_size = layer_archive_size(archive);
	return stream_copy(&source, &sink, TAR_LIMIT, NULL, err);
}

static void gives_the_same_archive(void **state)
{
	struct fixture *fixture = *state;
	struct error err = {0};
	static int (*const formats[])(struct archive *) = {
		archive_write_set_format_gnutar, archive_write_set_format_pax, archive_write_set_format_pax_restricted,
		archive_write_set_format_ustar};
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		cleanup_buffer struct buffer tar = BUFFER_INIT(TAR_LIMIT), again = BUFFER_INIT(TAR_LIMIT);
		struct digest diff_id;
		uint64_t size;
		make_tar(formats[i], formats[i] == archive_write_set_format_pax, false, &tar);
		store_layer(fixture, &tar, &diff_id);
		assert_ok(join(fixture, &diff_id, &again, &size, &err), &err);
		assert_int_equal(size, tar.size);
		assert_int_equal(again.size, tar.size);
		assert_memory_equal(again.bytes, tar.bytes, tar.size);
	}
}

static void refuses_what_it_cannot_give(void **state)
{
	struct fixture *fixture = *state;
	struct error err = {0};
	cleanup_buffer struct buffer tar = BUFFER_INIT(TAR_LIMIT), again = BUFFER_INIT(TAR_LIMIT);
	struct digest diff_id;
	uint64_t size;
	make_tar(archive_write_set_format_gnutar, false, true, &tar);
	store_layer(fixture, &tar, &diff_id);
	assert_fails(join(fixture, &diff_id, &again, &size, &err), &err, ERROR_NOT_FOUND);
}

static void notices_a_changed_folder(void **state)
{
	struct fixture *fixture = *state;
	struct error err = {0};
	cleanup_buffer struct buffer tar = BUFFER_INIT(TAR_LIMIT), again = BUFFER_INIT(TAR_LIMIT),
				     third = BUFFER_INIT(TAR_LIMIT);
	struct digest diff_id;
	uint64_t size;
	make_tar(archive_write_set_format_gnutar, false, false, &tar);
	store_layer(fixture, &tar, &diff_id);
	int folder = -1;
	assert_ok(layer_folder_open(fixture->store->root_fd, &diff_id, &folder, &err), &err);
	cleanup_close int layer = folder;
	cleanup_close int fd = openat(layer, "block", O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "!", 1, 100), 1);
	assert_fails(join(fixture, &diff_id, &again, &size, &err), &err, ERROR_CORRUPT);
	assert_int_equal(ftruncate(fd, 3), 0);
	assert_fails(join(fixture, &diff_id, &third, &size, &err), &err, ERROR_CORRUPT);
	assert_non_null(strstr(err.message, "block"));

	/* The record goes with its folder; one whose folder is gone is collected. */
	assert_ok(layer_folder_remove(fixture->store->root_fd, &diff_id, &err), &err);
	cleanup_free char *record = format_string("layers/records/sha256/%s", digest_hex(&diff_id));
	assert_int_equal(faccessat(fixture->store->root_fd, record, F_OK, 0), -1);
	close(openat(fixture->store->root_fd, record, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_ok(store_collect(fixture->store, NULL, &err), &err);
	assert_int_equal(faccessat(fixture->store->root_fd, record, F_OK, 0), -1);
}

/* A record of PAX that ends with its "=": no line's end, and no room for one. */
static void survives_a_record_without_a_value(void **state)
{
	struct fixture *fixture = *state;
	struct error err = {0};
	static char tar[4 * 512];
	unsigned sum = 0;
	memcpy(tar, "header", 6);
	memcpy(tar + 124, "00000000007", 12);
	memcpy(tar + 148, "        ", 8);
	tar[156] = 'x';
	memcpy(tar + 257, "ustar\00000", 8);
	memcpy(tar + 512, "7 path=", 7);
	for (size_t i = 0; i < 512; i++)
		sum += (unsigned char)tar[i];
	snprintf(tar + 148, 8, "%06o", sum);
	struct memory_source memory = {.bytes = tar, .size = sizeof tar};
	struct source source = source_from_memory(&memory);
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	struct digest diff_id;
	struct layer_totals totals;
	if (layer_unpack(fixture->store->root_fd, &source, NULL, &staging, &diff_id, &totals, &err) == 0)
		assert_false(staging.has_record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(gives_the_same_archive, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(refuses_what_it_cannot_give, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(notices_a_changed_folder, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(survives_a_record_without_a_value, fixture_set_up, fixture_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
