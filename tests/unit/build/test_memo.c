#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "build/cache.h"
#include "build/memo.h"

static char folder[] = "/tmp/coracle-memo-test-XXXXXX";
static int folder_fd;

static int set_up(void **state)
{
	assert_non_null(mkdtemp(folder));
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

static int tear_down(void **state)
{
	close(folder_fd);
	return remove_tree_at(AT_FDCWD, folder, NULL);
}

static void write_file(const char *name, const char *text)
{
	cleanup_close int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_int_equal(write_full(fd, text, strlen(text), NULL), 0);
}

static struct stat status_of(const char *name)
{
	struct stat status;
	assert_int_equal(fstatat(folder_fd, name, &status, 0), 0);
	return status;
}

static void digest_file(struct memo *memo, const char *name, unsigned char digest[32])
{
	struct stat status = status_of(name);
	cleanup_close int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
	assert_int_equal(memo_digest_file(memo, fd, &status, digest, NULL), 0);
}

static void test_remembers(void **state)
{
	unsigned char first[32], second[32], known[32];
	write_file("old", "one");
	write_file("other", "two");
	usleep(2 * MEMO_SETTLE_NANOSECONDS / 1000);
	struct memo *memo = memo_open(folder_fd, "context-x");
	digest_file(memo, "old", first);
	digest_file(memo, "other", second);
	memo_free(memo);
	assert_memory_not_equal(first, second, 32);

	memo = memo_open(folder_fd, "context-x");
	struct stat status = status_of("old");
	assert_true(memo_find(memo, &status, known));
	assert_memory_equal(first, known, 32);
	/* Any change of what names it, and it is not known. */
	struct stat changed = status;
	changed.st_size++;
	assert_false(memo_find(memo, &changed, known));
	changed = status;
	changed.st_ctim.tv_nsec ^= 1;
	assert_false(memo_find(memo, &changed, known));
	write_file("old", "ONE");
	status = status_of("old");
	assert_false(memo_find(memo, &status, known));
	/* Just written: hashed, and not remembered. */
	digest_file(memo, "old", second);
	memo_free(memo);
	memo = memo_open(folder_fd, "context-x");
	assert_false(memo_find(memo, &status, known));
	status = status_of("other");
	assert_true(memo_find(memo, &status, known));
	memo_free(memo);
}

static void test_damaged_file_is_an_empty_memo(void **state)
{
	static const char *const texts[] = {"", "short", "0123456789abcdef0123456789abcdef"};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		write_file("cache/context-x", texts[i]);
		unsigned char known[32];
		struct stat status = status_of("other");
		struct memo *memo = memo_open(folder_fd, "context-x");
		assert_false(memo_find(memo, &status, known));
		memo_free(memo);
	}
}

static void make_key(const char *const *parts, size_t count, struct digest *ret_key)
{
	struct cache_key *key = cache_key_begin(NULL, "test");
	for (size_t i = 0; i < count; i++)
		cache_key_add_text(key, parts[i]);
	cache_key_finish(key, ret_key);
}

/* However the same characters are cut into parts, and whatever the size, keys differ where parts do. */
static void test_keys(void **state)
{
	static const char *const rows[][3] = {
		{"ab", "c", ""}, {"a", "bc", ""},   {"abc", "", ""},
		{"", "abc", ""}, {"abc", NULL, ""}, {"abc", "", NULL},
	};
	struct digest keys[ARRAY_SIZE(rows)], again;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		make_key(rows[i], 3, &keys[i]);
		make_key(rows[i], 3, &again);
		assert_true(digest_equal(&keys[i], &again));
		for (size_t j = 0; j < i; j++)
			assert_false(digest_equal(&keys[i], &keys[j]));
	}
	cleanup_free char *large = allocate(100001);
	memset(large, 'x', 100000);
	const char *parts[] = {"a", large, "b"};
	struct digest one, two;
	make_key(parts, 3, &one);
	large[99999] = 'y';
	make_key(parts, 3, &two);
	assert_false(digest_equal(&one, &two));
	struct cache_key *child = cache_key_begin(&one, "test");
	cache_key_finish(child, &again);
	child = cache_key_begin(&two, "test");
	cache_key_finish(child, &one);
	assert_false(digest_equal(&one, &again));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_remembers),
		cmocka_unit_test(test_damaged_file_is_an_empty_memo),
		cmocka_unit_test(test_keys),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
