#include "monitor/start.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/string_list.h"
#include "monitor/arguments.h"

#define MAX_KEPT 20

struct kept_fds {
	int fds[MAX_KEPT]; /* sorted */
	size_t count;
};

static void keep(struct kept_fds *kept, int fd)
{
	size_t at = kept->count++;
	for (; at > 0 && kept->fds[at - 1] > fd; at--)
		kept->fds[at] = kept->fds[at - 1];
	kept->fds[at] = fd;
}

/* Everything from 3 up but for the kept becomes CLOEXEC: it goes with the exec, and stays should that fail. */
static int mark_the_rest(const struct kept_fds *kept, struct error *err)
{
	unsigned int from = 3;
	for (size_t i = 0; i <= kept->count; i++) {
		unsigned int end = i < kept->count ? (unsigned int)kept->fds[i] : ~0U;
		if (from < end && close_range(from, i < kept->count ? end - 1 : end, CLOSE_RANGE_CLOEXEC) < 0)
			return error_set_errno(err, errno, "keep descriptors from the monitor");
		from = end + 1;
	}
	return 0;
}

/* A number of 3 or more for `fd`, since the standard ones become /dev/null; not CLOEXEC. */
static int pass_fd(struct string_list *arguments, struct kept_fds *kept, const char *name, int fd, struct error *err)
{
	if (fd < 0)
		return 0;
	int passed = fd < 3 ? fcntl(fd, F_DUPFD, 3) : fd;
	if (passed < 0 || (fd >= 3 && fcntl(fd, F_SETFD, 0) < 0))
		return error_set_errno(err, errno, "pass descriptor %d (%s) to the monitor", fd, name);
	keep(kept, passed);
	string_list_add_format(arguments, "%s=%d", name, passed);
	return 0;
}

static int prepare(const struct monitor_options *options, struct string_list *arguments, struct kept_fds *kept,
		   struct error *err)
{
	string_list_add(arguments, options->program);
#define X(member, name) string_list_add_format(arguments, "%s=%s", name, options->member);
	MONITOR_TEXT_NAMES
#undef X
	string_list_add_format(arguments, "pid=%d", (int)options->pid);
#define X(member, name)                                                                                                \
	if (options->member > 0)                                                                                       \
		string_list_add_format(arguments, "%s=%lld", name, (long long)options->member);
	MONITOR_NUMBER_NAMES
#undef X
#define X(member, name)                                                                                                \
	if (options->member)                                                                                           \
		string_list_add(arguments, name "=1");
	MONITOR_FLAG_NAMES
#undef X
	if (options->resolver)
		string_list_add_format(arguments, "resolver=%s", options->resolver);
	if (options->servers && *options->servers)
		string_list_add_format(arguments, "servers=%s", options->servers);
#define X(member, name)                                                                                                \
	if (pass_fd(arguments, kept, name, options->member, err) < 0)                                                  \
		return -1;
	MONITOR_FD_NAMES
#undef X
	return mark_the_rest(kept, err);
}

int monitor_become_waiter(const struct monitor_options *options, nanoseconds span, struct error *err)
{
	cleanup_string_list struct string_list arguments = {0};
	struct kept_fds kept = {0};
	string_list_add(&arguments, options->program);
#define X(member, name) string_list_add_format(&arguments, "%s=%s", name, options->member);
	MONITOR_TEXT_NAMES
#undef X
	string_list_add_format(&arguments, "wait=%lld", (long long)(span > 0 ? span : 0));
	if (pass_fd(&arguments, &kept, "lock", options->lock_fd, err) == 0 && mark_the_rest(&kept, err) == 0) {
		execve(options->program, arguments.items, environ);
		error_set_errno(err, errno, "run %s", options->program);
	}
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	return -1;
}

int monitor_become(const struct monitor_options *options, struct error *err)
{
	cleanup_string_list struct string_list arguments = {0};
	struct kept_fds kept = {0};
	if (prepare(options, &arguments, &kept, err) == 0) {
		execve(options->program, arguments.items, environ);
		error_set_errno(err, errno, "run %s", options->program);
	}
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	return -1;
}
