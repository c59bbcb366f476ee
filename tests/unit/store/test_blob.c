#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/blob.h"
#include "support.h"

struct blobs {
	char folder[32];
	int folder_fd;
	struct blob_store *store;
};

static int files_set_up(void **state)
{
	struct blobs *blobs = allocate(sizeof *blobs);
	struct error err = {0};
	strncpy(blobs->folder, "/tmp/coracle-blobs-XXXXXX", sizeof blobs->folder - 1);
	assert_non_null(mkdtemp(blobs->folder));
	blobs->folder_fd = open_folder(blobs->folder, false, 0, &err);
	assert_ok(blob_store_open_files(blobs->folder_fd, &blobs->store, &err), &err);
	*state = blobs;
	return 0;
}

static int memory_set_up(void **state)
{
	struct blobs *blobs = allocate(sizeof *blobs);
	blobs->folder_fd = -1;
	blobs->store = blob_store_open_memory();
	*state = blobs;
	return 0;
}

static int tear_down(void **state)
{
	struct blobs *blobs = *state;
	blob_store_free(blobs->store);
	if (blobs->folder_fd >= 0) {
		close(blobs->folder_fd);
		remove_tree_at(AT_FDCWD, blobs->folder, NULL);
	}
	free(blobs);
	return 0;
}

static void digest_of(const char *text, enum digest_algorithm algorithm, struct digest *digest)
{
	cleanup_hasher struct hasher *hasher = hasher_new(algorithm);
	hasher_update(hasher, text, strlen(text));
	hasher_finish(hasher, digest);
}

static void writes_and_reads(void **state)
{
	struct blob_store *store = ((struct blobs *)*state)->store;
	struct error err = {0};
	struct digest digest, expected;
	assert_ok(blob_write(store, "hello", 5, &digest, &err), &err);
	digest_of("hello", DIGEST_SHA256, &expected);
	assert_string_equal(digest.text, expected.text);
	assert_ok(blob_write(store, "hello", 5, &digest, &err), &err);
	cleanup_buffer struct buffer bytes = BUFFER_INIT(5);
	assert_ok(blob_read(store, &digest, 5, &bytes, &err), &err);
	assert_string_equal(buffer_text(&bytes), "hello");
	assert_fails(blob_read(store, &digest, 4, &bytes, &err), &err, ERROR_LIMIT);
	struct blob_info info;
	assert_ok(store->operations->stat(store, &digest, &info, &err), &err);
	assert_int_equal(info.size, 5);
	assert_true(time_now() - info.modified < 60 * NANOSECONDS_PER_SECOND);
	assert_ok(store->operations->remove(store, &digest, &err), &err);
	assert_fails(store->operations->remove(store, &digest, &err), &err, ERROR_NOT_FOUND);
	assert_fails(store->operations->stat(store, &digest, &info, &err), &err, ERROR_NOT_FOUND);
	assert_fails(store->operations->refresh(store, &digest, &err), &err, ERROR_NOT_FOUND);
	assert_fails(blob_read(store, &digest, 5, &bytes, &err), &err, ERROR_NOT_FOUND);
}

static void writes_an_empty_blob(void **state)
{
	struct blob_store *store = ((struct blobs *)*state)->store;
	struct error err = {0};
	struct digest digest;
	assert_ok(blob_write(store, "", 0, &digest, &err), &err);
	cleanup_buffer struct buffer bytes = BUFFER_INIT(5);
	assert_ok(blob_read(store, &digest, 5, &bytes, &err), &err);
	assert_int_equal(bytes.size, 0);
}

static void resumes_by_id(void **state)
{
	struct blob_store *store = ((struct blobs *)*state)->store;
	struct error err = {0};
	struct blob_upload *upload = NULL, *second = NULL;
	char id[BLOB_UPLOAD_ID_SIZE];
	assert_ok(store->operations->upload_open(store, NULL, &upload, &err), &err);
	assert_true(blob_upload_id_is_valid(upload->id));
	memcpy(id, upload->id, sizeof id);
	assert_ok(store->operations->upload_append(upload, "one ", 4, &err), &err);
	assert_fails(store->operations->upload_open(store, id, &second, &err), &err, ERROR_CONFLICT);
	store->operations->upload_suspend(upload);
	assert_ok(store->operations->upload_open(store, id, &upload, &err), &err);
	assert_int_equal(upload->offset, 4);
	assert_ok(store->operations->upload_append(upload, "two", 3, &err), &err);
	assert_int_equal(upload->offset, 7);
	struct digest wrong, right;
	digest_of("one", DIGEST_SHA256, &wrong);
	digest_of("one two", DIGEST_SHA256, &right);
	assert_fails(store->operations->upload_commit(upload, &wrong, &err), &err, ERROR_CORRUPT);
	struct blob_info info;
	assert_fails(store->operations->stat(store, &wrong, &info, &err), &err, ERROR_NOT_FOUND);
	assert_ok(store->operations->upload_commit(upload, &right, &err), &err);
	assert_ok(store->operations->stat(store, &right, &info, &err), &err);
	assert_fails(store->operations->upload_open(store, id, &upload, &err), &err, ERROR_NOT_FOUND);
}

static void goes_on_after_a_failed_commit(void **state)
{
	struct blob_store *store = ((struct blobs *)*state)->store;
	struct error err = {0};
	struct blob_upload *upload = NULL;
	struct digest digest;
	digest_of("abc", DIGEST_SHA256, &digest);
	assert_ok(store->operations->upload_open(store, NULL, &upload, &err), &err);
	assert_ok(store->operations->upload_append(upload, "ab", 2, &err), &err);
	assert_fails(store->operations->upload_commit(upload, &digest, &err), &err, ERROR_CORRUPT);
	assert_ok(store->operations->upload_append(upload, "c", 1, &err), &err);
	assert_ok(store->operations->upload_commit(upload, &digest, &err), &err);
}

static void knows_sha512(void **state)
{
	struct blob_store *store = ((struct blobs *)*state)->store;
	struct error err = {0};
	struct blob_upload *upload = NULL;
	struct digest digest, other;
	digest_of("abc", DIGEST_SHA512, &digest);
	digest_of("abd", DIGEST_SHA512, &other);
	assert_ok(store->operations->upload_open(store, NULL, &upload, &err), &err);
	assert_ok(store->operations->upload_append(upload, "abc", 3, &err), &err);
	assert_fails(store->operations->upload_commit(upload, &other, &err), &err, ERROR_CORRUPT);
	assert_ok(store->operations->upload_commit(upload, &digest, &err), &err);
	cleanup_buffer struct buffer bytes = BUFFER_INIT(5);
	assert_ok(blob_read(store, &digest, 5, &bytes, &err), &err);
}

static void refuses_ids_and_digests_that_are_paths(void **state)
{
	struct blob_store *store = ((struct blobs *)*state)->store;
	struct error err = {0};
	static const char *const ids[] = {"",
					  "..",
					  "../sha256/0",
					  "0123456789abcdef0123456789abcde",
					  "0123456789abcdef0123456789abcdef0",
					  "0123456789ABCDEF0123456789abcdef",
					  "../../../../../../../../etc/pass"};
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct blob_upload *upload = NULL;
		assert_false(blob_upload_id_is_valid(ids[i]));
		assert_fails(store->operations->upload_open(store, ids[i], &upload, &err), &err, ERROR_NOT_FOUND);
	}
	static const char *const digests[] = {"", "sha256:../../x", "sha256:", "md5:00"};
	for (size_t i = 0; i < ARRAY_SIZE(digests); i++) {
		struct digest digest = {0};
		struct blob_info info;
		int fd;
		memcpy(digest.text, digests[i], strlen(digests[i]));
		assert_int_equal(store->operations->stat(store, &digest, &info, &err), -1);
		assert_int_equal(store->operations->open(store, &digest, &fd, &err), -1);
		assert_int_equal(store->operations->remove(store, &digest, &err), -1);
	}
}

static int count_visit(void *context, const struct digest *digest, const struct blob_info *info, struct error *err)
{
	uint64_t *total = context;
	*total += info->size;
	return 0;
}

static int failing_visit(void *context, const struct digest *digest, const struct blob_info *info, struct error *err)
{
	return error_set(err, ERROR_LIMIT, "enough");
}

static void lists(void **state)
{
	struct blob_store *store = ((struct blobs *)*state)->store;
	struct error err = {0};
	struct digest digest;
	uint64_t total = 0;
	assert_ok(store->operations->list(store, count_visit, &total, &err), &err);
	assert_int_equal(total, 0);
	assert_ok(blob_write(store, "a", 1, &digest, &err), &err);
	assert_ok(blob_write(store, "bcd", 3, &digest, &err), &err);
	assert_ok(store->operations->list(store, count_visit, &total, &err), &err);
	assert_int_equal(total, 4);
	assert_fails(store->operations->list(store, failing_visit, NULL, &err), &err, ERROR_LIMIT);
}

static void expires_uploads(void **state)
{
	struct blob_store *store = ((struct blobs *)*state)->store;
	struct error err = {0};
	struct blob_upload *open_one = NULL, *left = NULL;
	char id[BLOB_UPLOAD_ID_SIZE];
	uint64_t count = 9;
	assert_ok(store->operations->uploads_expire(store, time_now(), &count, &err), &err);
	assert_int_equal(count, 0);
	assert_ok(store->operations->upload_open(store, NULL, &open_one, &err), &err);
	assert_ok(store->operations->upload_open(store, NULL, &left, &err), &err);
	memcpy(id, left->id, sizeof id);
	store->operations->upload_suspend(left);
	nanoseconds later = time_now() + 5 * NANOSECONDS_PER_SECOND;
	assert_ok(store->operations->uploads_expire(store, time_now() - 5 * NANOSECONDS_PER_SECOND, &count, &err),
		  &err);
	assert_int_equal(count, 0);
	assert_ok(store->operations->uploads_expire(store, later, &count, &err), &err);
	assert_int_equal(count, 1);
	assert_fails(store->operations->upload_open(store, id, &left, &err), &err, ERROR_NOT_FOUND);
	store->operations->upload_abort(open_one);
}

static void mends_a_damaged_blob(void **state)
{
	struct blobs *blobs = *state;
	struct error err = {0};
	struct digest digest;
	assert_ok(blob_write(blobs->store, "whole", 5, &digest, &err), &err);
	cleanup_free char *path = format_string("sha256/%s", digest_hex(&digest));
	struct stat status;
	assert_int_equal(fstatat(blobs->folder_fd, path, &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	cleanup_close int fd = openat(blobs->folder_fd, path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, "W", 1), 1);
	cleanup_buffer struct buffer bytes = BUFFER_INIT(16);
	assert_fails(blob_read(blobs->store, &digest, 16, &bytes, &err), &err, ERROR_CORRUPT);
	assert_ok(blob_write(blobs->store, "whole", 5, &digest, &err), &err);
	assert_ok(blob_read(blobs->store, &digest, 16, &bytes, &err), &err);
}

/* A process dies between two appends; another goes on with what it left. */
static void resumes_after_a_kill(void **state)
{
	struct blobs *blobs = *state;
	struct error err = {0};
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t child = fork();
	if (child == 0) {
		struct blob_upload *upload = NULL;
		if (blobs->store->operations->upload_open(blobs->store, NULL, &upload, NULL) < 0 ||
		    blobs->store->operations->upload_append(upload, "before", 6, NULL) < 0)
			_exit(1);
		(void)!write(ends[1], upload->id, BLOB_UPLOAD_ID_SIZE);
		for (;;)
			pause();
	}
	char id[BLOB_UPLOAD_ID_SIZE];
	assert_ok(read_full(ends[0], id, sizeof id, &err), &err);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	struct blob_upload *upload = NULL;
	assert_ok(blobs->store->operations->upload_open(blobs->store, id, &upload, &err), &err);
	assert_int_equal(upload->offset, 6);
	assert_ok(blobs->store->operations->upload_append(upload, " after", 6, &err), &err);
	struct digest digest;
	digest_of("before after", DIGEST_SHA256, &digest);
	assert_ok(blobs->store->operations->upload_commit(upload, &digest, &err), &err);
	close(ends[0]);
	close(ends[1]);
}

#define BOTH(test)                                                                                                     \
	{#test " (files)", test, files_set_up, tear_down, NULL},                                                       \
	{                                                                                                              \
#test " (memory)", test, memory_set_up, tear_down, NULL                                                \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(writes_and_reads),
		BOTH(writes_an_empty_blob),
		BOTH(resumes_by_id),
		BOTH(goes_on_after_a_failed_commit),
		BOTH(knows_sha512),
		BOTH(refuses_ids_and_digests_that_are_paths),
		BOTH(lists),
		BOTH(expires_uploads),
		cmocka_unit_test_setup_teardown(mends_a_damaged_blob, files_set_up, tear_down),
		cmocka_unit_test_setup_teardown(resumes_after_a_kill, files_set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
