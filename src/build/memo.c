#include "build/memo.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "base/time.h"

#define MEMO_MAGIC 0x314f4d454d52434fULL /* and version */

struct record {
	uint64_t device, inode, size;
	int64_t modified, changed; /* nanoseconds */
	unsigned char digest[32];
};
static_assert(sizeof(struct record) == 72, "records lie in the file as they are");

struct memo {
	int cache_fd;
	char *name;
	void *file; /* mapped: it is replaced as a whole, and never changed; NULL: none */
	size_t file_size;
	const struct record *known; /* in `file`, sorted by key */
	size_t known_count;
	struct record *fresh;
	size_t fresh_count, fresh_allocated;
};

static int64_t as_nanoseconds(struct timespec time)
{
	return (int64_t)time.tv_sec * NANOSECONDS_PER_SECOND + time.tv_nsec;
}

static int compare_records(const void *a, const void *b)
{
	const struct record *left = a, *right = b;
	if (left->device != right->device)
		return left->device < right->device ? -1 : 1;
	if (left->inode != right->inode)
		return left->inode < right->inode ? -1 : 1;
	return 0;
}

static void unload(struct memo *memo)
{
	if (memo->file)
		munmap(memo->file, memo->file_size);
	memo->file = NULL;
	memo->known = NULL;
	memo->known_count = 0;
}

static void load(struct memo *memo)
{
	struct stat status;
	uint64_t header[2];
	cleanup_close int fd = openat(memo->cache_fd, memo->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size < (off_t)sizeof header ||
	    status.st_size > (off_t)(sizeof header + MEMO_ENTRY_LIMIT * sizeof(struct record)))
		return;
	size_t size = (size_t)status.st_size;
	void *file = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (file == MAP_FAILED)
		return;
	memo->file = file;
	memo->file_size = size;
	memcpy(header, file, sizeof header);
	if (header[0] != MEMO_MAGIC || header[1] != (size - sizeof header) / sizeof(struct record) ||
	    (size - sizeof header) % sizeof(struct record) != 0)
		return;
	memo->known = (const struct record *)(const void *)((const char *)file + sizeof header);
	memo->known_count = header[1];
}

struct memo *memo_open(int store_root_fd, const char *name)
{
	struct memo *memo = allocate(sizeof *memo);
	memo->name = duplicate_string(name);
	memo->cache_fd = open_folder_at(store_root_fd, "cache", true, 0700, NULL);
	if (memo->cache_fd >= 0)
		load(memo);
	return memo;
}

static struct record make_record(const struct stat *status)
{
	return (struct record){
		.device = status->st_dev,
		.inode = status->st_ino,
		.size = (uint64_t)status->st_size,
		.modified = as_nanoseconds(status->st_mtim),
		.changed = as_nanoseconds(status->st_ctim),
	};
}

bool memo_find(struct memo *memo, const struct stat *status, unsigned char ret_digest[32])
{
	if (!memo || !memo->known_count)
		return false;
	struct record wanted = make_record(status);
	const struct record *found = bsearch(&wanted, memo->known, memo->known_count, sizeof wanted, compare_records);
	if (!found || found->size != wanted.size || found->modified != wanted.modified ||
	    found->changed != wanted.changed)
		return false;
	memcpy(ret_digest, found->digest, sizeof found->digest);
	return true;
}

static void remember(struct memo *memo, const struct stat *status, nanoseconds started, const unsigned char digest[32])
{
	struct record record = make_record(status);
	nanoseconds newest = record.modified > record.changed ? record.modified : record.changed;
	if (newest > started - MEMO_SETTLE_NANOSECONDS || memo->fresh_count >= MEMO_ENTRY_LIMIT)
		return;
	memcpy(record.digest, digest, sizeof record.digest);
	if (memo->fresh_count == memo->fresh_allocated) {
		memo->fresh_allocated = memo->fresh_allocated ? memo->fresh_allocated * 2 : 256;
		memo->fresh = reallocate_array(memo->fresh, memo->fresh_allocated, sizeof *memo->fresh);
	}
	memo->fresh[memo->fresh_count++] = record;
}

static int digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

int memo_digest_file(struct memo *memo, int fd, const struct stat *status, unsigned char ret_digest[32],
		     struct error *err)
{
	nanoseconds started = time_now();
	cleanup_hasher struct hasher *hasher = hasher_new(DIGEST_SHA256);
	char chunk[65536];
	for (;;) {
		ssize_t got = read_some(fd, chunk, sizeof chunk);
		if (got < 0)
			return error_set_errno(err, errno, "read");
		if (got == 0)
			break;
		hasher_update(hasher, chunk, (size_t)got);
	}
	struct digest digest;
	hasher_finish(hasher, &digest);
	const char *hex = digest_hex(&digest);
	for (size_t i = 0; i < 32; i++)
		ret_digest[i] = (unsigned char)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
	if (memo)
		remember(memo, status, started, ret_digest);
	return 0;
}

/*
 * Fresh records win over known ones of the same inode. What is known is read again, under a lock, since another process
 * of this build or another build of this context may have saved meanwhile; the lock is of a descriptor of our own,
 * which no fork shares.
 */
static void save(struct memo *memo)
{
	cleanup_close int lock = openat(memo->cache_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock >= 0)
		flock(lock, LOCK_EX);
	unload(memo);
	load(memo);
	qsort(memo->fresh, memo->fresh_count, sizeof *memo->fresh, compare_records);
	size_t limit = memo->known_count + memo->fresh_count;
	bool keep_known = limit <= MEMO_ENTRY_LIMIT;
	cleanup_free char *bytes = allocate(16 + limit * sizeof(struct record));
	struct record *out = (struct record *)(void *)(bytes + 16);
	uint64_t count = 0;
	size_t known = keep_known ? 0 : memo->known_count, fresh = 0;
	while (known < memo->known_count || fresh < memo->fresh_count) {
		int order = known == memo->known_count	 ? 1
			    : fresh == memo->fresh_count ? -1
							 : compare_records(&memo->known[known], &memo->fresh[fresh]);
		if (order < 0) {
			out[count++] = memo->known[known++];
			continue;
		}
		known += order == 0;
		if (!count || compare_records(&out[count - 1], &memo->fresh[fresh]) != 0)
			out[count++] = memo->fresh[fresh];
		fresh++;
	}
	uint64_t header[2] = {MEMO_MAGIC, count};
	memcpy(bytes, header, sizeof header);
	atomic_file_write(memo->cache_fd, memo->name, bytes, 16 + count * sizeof(struct record), 0600,
			  ATOMIC_FILE_REPLACEABLE, NULL);
}

void memo_free(struct memo *memo)
{
	if (!memo)
		return;
	if (memo->fresh_count && memo->cache_fd >= 0)
		save(memo);
	if (memo->cache_fd >= 0)
		close(memo->cache_fd);
	unload(memo);
	free(memo->fresh);
	free(memo->name);
	free(memo);
}
