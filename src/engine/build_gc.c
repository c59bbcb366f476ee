#include "engine/build_gc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"
#include "store/build_cache.h"

#define STAMP_NAME "build-gc"

static int parse_bytes(const char *text, uint64_t *ret_bytes, struct error *err)
{
	static const char units[] = "bkmgt";
	char *end;
	errno = 0;
	double number = strtod(text, &end), scale = 1;
	const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : units;
	for (const char *at = units; unit && at < unit; at++)
		scale *= 1024;
	bool has_rest = *end && end[1] && strcmp(end + 1, "b") != 0 && strcmp(end + 1, "B") != 0;
	if (!isdigit((unsigned char)text[0]) || errno || !unit || has_rest || number * scale > 9e18)
		return error_set(err, ERROR_INVALID, "CORACLE_BUILD_CACHE_MAX is no size such as 20g: \"%s\"", text);
	*ret_bytes = (uint64_t)(number * scale);
	return 0;
}

int build_gc_policy(struct engine *engine, struct build_gc_policy *ret_policy, struct error *err)
{
	const char *bytes = getenv("CORACLE_BUILD_CACHE_MAX"), *age = getenv("CORACLE_BUILD_CACHE_AGE");
	nanoseconds now = time_now();
	struct build_gc_policy policy = {.until = now - BUILD_GC_AGE_HOURS * 3600LL * NANOSECONDS_PER_SECOND};
	struct statvfs disk;
	if (bytes && bytes[0]) {
		if (parse_bytes(bytes, &policy.bytes, err) < 0)
			return -1;
	} else {
		if (fstatvfs(engine->store->root_fd, &disk) < 0)
			return error_set_errno(err, errno, "ask for the size of the file system");
		policy.bytes = (uint64_t)disk.f_blocks * disk.f_frsize / 100 * BUILD_GC_PERCENT;
		if (policy.bytes < BUILD_GC_BYTES_MINIMUM)
			policy.bytes = BUILD_GC_BYTES_MINIMUM;
	}
	if (age && strcmp(age, "0") == 0)
		policy.until = 0;
	else if (age && age[0] &&
		 (!time_parse_moment(age, now, &policy.until) || isdigit((unsigned char)age[strlen(age) - 1])))
		return error_set(err, ERROR_INVALID, "CORACLE_BUILD_CACHE_AGE is no span such as 720h: \"%s\"", age);
	*ret_policy = policy;
	return 0;
}

int build_gc(struct engine *engine, struct prune_outcome *outcome, struct error *err)
{
	const struct string_list no_filters = {0};
	struct build_gc_policy policy;
	if (build_gc_policy(engine, &policy, err) < 0)
		return -1;
	const struct builder_prune_options by_age = {.all = true, .filters = &no_filters, .until = policy.until};
	const struct builder_prune_options by_size = {.filters = &no_filters, .keep = policy.bytes};
	if (policy.until && builder_prune(engine, &by_age, outcome, err) < 0)
		return -1;
	return policy.bytes ? builder_prune(engine, &by_size, outcome, err) : 0;
}

/* Whether nobody has looked for an hour; then we do. */
static bool take_turn(struct engine *engine)
{
	struct stat status;
	cleanup_close int cache = open_folder_at(engine->store->root_fd, "cache", true, 0700, NULL);
	if (cache < 0)
		return false;
	if (fstatat(cache, STAMP_NAME, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    time_now() / NANOSECONDS_PER_SECOND - status.st_mtim.tv_sec < BUILD_GC_PAUSE_SECONDS)
		return false;
	cleanup_close int fd = openat(cache, STAMP_NAME, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd >= 0 && futimens(fd, NULL) == 0;
}

static bool is_needed(struct engine *engine)
{
	cleanup_build_cache_list struct build_cache_list list = {0};
	struct build_gc_policy policy;
	uint64_t bytes = 0;
	if (build_gc_policy(engine, &policy, NULL) < 0 || build_cache_list(engine->store, &list, NULL) < 0)
		return false;
	for (size_t i = 0; i < list.count; i++) {
		bytes += build_cache_own_bytes(&list.items[i]);
		if (policy.until && list.items[i].used < policy.until)
			return true;
	}
	return policy.bytes && bytes > policy.bytes;
}

void build_gc_start(struct engine *engine)
{
	if (!take_turn(engine) || !is_needed(engine))
		return;
	char *arguments[] = {
		engine->program,   (char *)"--root", engine->store->root, (char *)"--run-root", engine->store->run_root,
		(char *)"builder", (char *)"prune",  (char *)"--force",	  (char *)"--policy",	NULL};
	const struct process_options options = {
		.arguments = arguments, .standard_fds = {-1, -1, -1}, .new_session = true};
	pid_t pid;
	process_start(&options, &pid, NULL);
}
