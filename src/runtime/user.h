/*
 * Whose process it is: Docker's USER text and --group-add, looked up in the /etc/passwd and /etc/group of the container
 * by ourselves: no library of the host's or of the image's is asked (CVE-2019-14271).
 */
#pragma once

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/string_list.h"

#define USER_GROUP_LIMIT 1024
#define USER_FILE_LIMIT	 (4 * 1024 * 1024) /* bytes of each file */

struct user {
	uid_t uid;
	gid_t gid;
	gid_t groups[USER_GROUP_LIMIT]; /* supplementary; the primary one is among them (CVE-2022-36109) */
	size_t group_count;
	char home[PATH_MAX]; /* "/" where no entry says otherwise */
};

/*
 * text: "", "name", "uid", "name:group", "uid:gid". Digits are always a number, never a name. Numbers are
 * 0..2147483647. ERROR_INVALID with Docker's words: "unable to find user X: no matching entries in passwd file".
 * Allocates nothing.
 */
int user_resolve(int root_fd, const char *text, const struct string_list *more_groups, struct user *ret_user,
		 struct error *err);
