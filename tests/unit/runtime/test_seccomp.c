/* The filter as a program, and the file that it is kept in. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/time.h"
#include "runtime/capability.h"
#include "runtime/seccomp.h"
#include "sandbox.h"

/* The names of the cache's files, of which there must be `count`; the first is kept. */
static void cache_name(struct sandbox *sandbox, int count, char name[256])
{
	int seen = 0;
	int fd = openat(sandbox->cache_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_directory DIR *directory = fdopendir(fd);
	struct dirent *entry;
	while ((entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		if (seen++ == 0)
			snprintf(name, 256, "%s", entry->d_name);
	}
	assert_int_equal(seen, count);
}

static void assert_same(const struct seccomp_filter *left, const struct seccomp_filter *right)
{
	assert_int_equal(left->program.len, right->program.len);
	assert_memory_equal(left->program.filter, right->program.filter,
			    left->program.len * sizeof(struct sock_filter));
}

static void read_again(struct sandbox *sandbox)
{
	struct error err;
	cleanup_seccomp_filter struct seccomp_filter filter = {{0}};
	assert_int_equal(seccomp_default_filter(sandbox->cache_fd, CAPABILITY_DEFAULT_SET, &filter, &err), 0);
	assert_same(&filter, &sandbox->filter);
}

static void cache(void **state)
{
	struct sandbox *sandbox = *state;
	char name[256];
	struct stat status, again;
	cache_name(sandbox, 1, name);
	assert_int_equal(fstatat(sandbox->cache_fd, name, &status, 0), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	read_again(sandbox);
	assert_int_equal(fstatat(sandbox->cache_fd, name, &again, 0), 0);
	assert_int_equal(status.st_ino, again.st_ino);
	/* Capabilities that loosen nothing share the file; one that does has its own. */
	struct error err;
	cleanup_seccomp_filter struct seccomp_filter same = {{0}}, other = {{0}};
	assert_int_equal(seccomp_default_filter(sandbox->cache_fd, CAPABILITY_DEFAULT_SET & ~1ULL, &same, &err), 0);
	cache_name(sandbox, 1, name);
	assert_int_equal(seccomp_default_filter(sandbox->cache_fd, CAPABILITY_DEFAULT_SET | 1ULL << 21, &other, &err),
			 0);
	cache_name(sandbox, 2, name);
}

/* Each byte that matters, a file cut short, one too long, an empty one, a link: made anew. */
static void corrupt_cache(void **state)
{
	struct sandbox *sandbox = *state;
	char name[256];
	cache_name(sandbox, 1, name);
	struct stat status;
	assert_int_equal(fstatat(sandbox->cache_fd, name, &status, 0), 0);
	static const long offsets[] = {0, 9, 160, 168, 200, -1, -9};
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		int fd = openat(sandbox->cache_fd, name, O_RDWR | O_CLOEXEC);
		off_t at = offsets[i] < 0 ? status.st_size + offsets[i] : offsets[i];
		unsigned char byte;
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x55;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		read_again(sandbox);
	}
	static const long sizes[] = {0, 1, 100, -8, -1, 1};
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int fd = openat(sandbox->cache_fd, name, O_RDWR | O_CLOEXEC);
		bool longer = i == ARRAY_SIZE(sizes) - 1;
		assert_int_equal(ftruncate(fd, sizes[i] < 0 || longer ? status.st_size + sizes[i] : sizes[i]), 0);
		close(fd);
		read_again(sandbox);
		struct stat mended;
		assert_int_equal(fstatat(sandbox->cache_fd, name, &mended, 0), 0);
		assert_int_equal(mended.st_size, status.st_size);
	}
	unlinkat(sandbox->cache_fd, name, 0);
	assert_int_equal(symlinkat("/etc/passwd", sandbox->cache_fd, name), 0);
	read_again(sandbox);
}

static void without_cache(void **state)
{
	struct error err;
	cleanup_seccomp_filter struct seccomp_filter filter = {{0}};
	assert_int_equal(seccomp_default_filter(-1, 0, &filter, &err), 0);
	assert_true(filter.program.len > 100 && filter.program.len <= BPF_MAXINSNS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cache, sandbox_setup, sandbox_teardown),
		cmocka_unit_test_setup_teardown(corrupt_cache, sandbox_setup, sandbox_teardown),
		cmocka_unit_test(without_cache),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
