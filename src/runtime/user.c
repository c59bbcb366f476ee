#include "runtime/user.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"

#define NUMBER_LIMIT 2147483647L
#define NAME_LIMIT   256

/* Static: it is used between clone and exec, a page of it is touched for a usual file. */
static char passwd_text[USER_FILE_LIMIT + 1];
static char group_text[USER_FILE_LIMIT + 1];

/* "" where the image has no such file. A pipe or device is refused without waiting for it. */
static int read_accounts(int root_fd, const char *path, char *text, struct error *err)
{
	text[0] = '\0';
	cleanup_close int fd = open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : error_set_errno(err, errno, "open /%s in the container", path);
	struct stat status;
	if (fstat(fd, &status) < 0)
		return error_set_errno(err, errno, "look at /%s in the container", path);
	if (!S_ISREG(status.st_mode))
		return error_set(err, ERROR_INVALID, "/%s in the container is not a regular file", path);
	size_t used = 0;
	for (;;) {
		ssize_t got = read_some(fd, text + used, USER_FILE_LIMIT + 1 - used);
		if (got < 0)
			return error_set_errno(err, errno, "read /%s in the container", path);
		used += (size_t)got;
		if (used > USER_FILE_LIMIT)
			return error_set(err, ERROR_LIMIT, "/%s in the container is larger than %d bytes", path,
					 USER_FILE_LIMIT);
		if (got == 0)
			break;
	}
	text[used] = '\0';
	return 0;
}

/* 1: digits within the range; 0: no number; -1: a number that no account can have. A sign makes it a number as well. */
static int parse_id(const char *text, size_t length, unsigned *ret_id)
{
	size_t start = length > 0 && (text[0] == '-' || text[0] == '+');
	if (length == start)
		return 0;
	long number = 0;
	bool over = start > 0;
	for (size_t i = start; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		number = number * 10 + (text[i] - '0');
		if (number > NUMBER_LIMIT) {
			over = true;
			number = NUMBER_LIMIT;
		}
	}
	if (over)
		return -1;
	*ret_id = (unsigned)number;
	return 1;
}

struct field {
	const char *text;
	size_t length;
};

/* Cuts one line into its fields; the number of fields, at most `limit`, the last with all that is left. */
static size_t cut_fields(const char *line, size_t length, struct field *fields, size_t limit)
{
	size_t count = 0;
	const char *end = line + length;
	while (count < limit) {
		const char *colon = count + 1 < limit ? memchr(line, ':', (size_t)(end - line)) : NULL;
		fields[count++] = (struct field){line, (size_t)((colon ? colon : end) - line)};
		if (!colon)
			break;
		line = colon + 1;
	}
	return count;
}

static const char *next_line(const char *line, size_t *ret_length)
{
	*ret_length = strcspn(line, "\n");
	return line + *ret_length + (line[*ret_length] == '\n');
}

static bool field_is(const struct field *field, const char *text)
{
	return strlen(text) == field->length && memcmp(field->text, text, field->length) == 0;
}

struct account {
	unsigned uid, gid;
	char name[NAME_LIMIT];
};

/* The first entry with the name, or where name is NULL with the number. An entry that is not whole is no entry: it
 * never becomes one of uid 0. */
static bool find_account(const char *name, unsigned uid, struct account *ret_account, struct user *user)
{
	size_t length;
	for (const char *line = passwd_text; *line;) {
		const char *next = next_line(line, &length);
		struct field fields[7];
		size_t count = cut_fields(line, length, fields, ARRAY_SIZE(fields));
		line = next;
		unsigned entry_uid, entry_gid;
		if (count < 4 || fields[0].length == 0 || fields[0].length >= NAME_LIMIT ||
		    parse_id(fields[2].text, fields[2].length, &entry_uid) != 1 ||
		    parse_id(fields[3].text, fields[3].length, &entry_gid) != 1)
			continue;
		if (name ? !field_is(&fields[0], name) : entry_uid != uid)
			continue;
		ret_account->uid = entry_uid;
		ret_account->gid = entry_gid;
		memcpy(ret_account->name, fields[0].text, fields[0].length);
		ret_account->name[fields[0].length] = '\0';
		if (count > 5 && fields[5].length > 0 && fields[5].length < sizeof user->home) {
			memcpy(user->home, fields[5].text, fields[5].length);
			user->home[fields[5].length] = '\0';
		}
		return true;
	}
	return false;
}

static int add_group(struct user *user, gid_t gid, struct error *err)
{
	for (size_t i = 0; i < user->group_count; i++) {
		if (user->groups[i] == gid)
			return 0;
	}
	if (user->group_count == USER_GROUP_LIMIT)
		return error_set(err, ERROR_LIMIT, "the user is in more than %d groups", USER_GROUP_LIMIT);
	user->groups[user->group_count++] = gid;
	return 0;
}

static bool lists_member(const struct field *members, const char *name)
{
	size_t length = strlen(name);
	const char *at = members->text, *end = members->text + members->length;
	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *stop = comma ? comma : end;
		if ((size_t)(stop - at) == length && memcmp(at, name, length) == 0)
			return true;
		at = stop + 1;
	}
	return false;
}

/* Calls for each whole entry of the group file: by name (ret_gid), or for a member (all groups are added to user). */
static bool find_group(const char *name, gid_t *ret_gid)
{
	size_t length;
	for (const char *line = group_text; *line;) {
		const char *next = next_line(line, &length);
		struct field fields[4];
		size_t count = cut_fields(line, length, fields, ARRAY_SIZE(fields));
		line = next;
		unsigned gid;
		if (count >= 3 && field_is(&fields[0], name) && parse_id(fields[2].text, fields[2].length, &gid) == 1) {
			*ret_gid = gid;
			return true;
		}
	}
	return false;
}

static int add_groups_of(const char *member, struct user *user, struct error *err)
{
	size_t length;
	for (const char *line = group_text; *line;) {
		const char *next = next_line(line, &length);
		struct field fields[4];
		size_t count = cut_fields(line, length, fields, ARRAY_SIZE(fields));
		line = next;
		unsigned gid;
		if (count == 4 && lists_member(&fields[3], member) &&
		    parse_id(fields[2].text, fields[2].length, &gid) == 1 && add_group(user, gid, err) < 0)
			return -1;
	}
	return 0;
}

static int out_of_range(const char *text, struct error *err)
{
	return error_set(err, ERROR_INVALID, "uids and gids must be in range 0-%ld: \"%s\"", NUMBER_LIMIT, text);
}

static int resolve_group(const char *text, gid_t *ret_gid, struct error *err)
{
	unsigned gid;
	int kind = parse_id(text, strlen(text), &gid);
	if (kind < 0)
		return out_of_range(text, err);
	if (kind > 0) {
		*ret_gid = gid;
		return 0;
	}
	if (!find_group(text, ret_gid))
		return error_set(err, ERROR_INVALID, "unable to find group %s: no matching entries in group file",
				 text);
	return 0;
}

/* Cuts "user:group"; an empty half or a third part is an error, never a default. */
static int cut_user_text(const char *text, char name[NAME_LIMIT], const char **ret_group, struct error *err)
{
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : strlen(text);
	if (colon && (length == 0 || colon[1] == '\0' || strchr(colon + 1, ':')))
		return error_set(err, ERROR_INVALID, "invalid user \"%s\": want USER, UID, USER:GROUP or UID:GID",
				 text);
	if (length >= NAME_LIMIT)
		return error_set(err, ERROR_INVALID, "invalid user \"%.32s…\": longer than %d bytes", text,
				 NAME_LIMIT - 1);
	memcpy(name, text, length);
	name[length] = '\0';
	*ret_group = colon ? colon + 1 : NULL;
	return 0;
}

int user_resolve(int root_fd, const char *text, const struct string_list *more_groups, struct user *ret_user,
		 struct error *err)
{
	char name[NAME_LIMIT];
	const char *group = NULL;
	text = text ? text : "";
	if (cut_user_text(text, name, &group, err) < 0 || read_accounts(root_fd, "etc/passwd", passwd_text, err) < 0)
		return -1;
	ret_user->uid = ret_user->gid = 0;
	ret_user->group_count = 0;
	snprintf(ret_user->home, sizeof ret_user->home, "/");
	unsigned uid = 0;
	int kind = name[0] ? parse_id(name, strlen(name), &uid) : 1;
	if (kind < 0)
		return out_of_range(name, err);
	struct account account = {.uid = uid, .gid = 0};
	bool found = find_account(kind == 0 ? name : NULL, uid, &account, ret_user);
	if (!found && kind == 0)
		return error_set(err, ERROR_INVALID, "unable to find user %s: no matching entries in passwd file",
				 name);
	ret_user->uid = account.uid;
	ret_user->gid = account.gid;
	/* The group file is read where something of it is asked. */
	if ((found || group || more_groups->count > 0) && read_accounts(root_fd, "etc/group", group_text, err) < 0)
		return -1;
	if (group && resolve_group(group, &ret_user->gid, err) < 0)
		return -1;
	if (add_group(ret_user, ret_user->gid, err) < 0)
		return -1;
	/* As with Docker, a group that is named stands alone. */
	if (found && !group && add_groups_of(account.name, ret_user, err) < 0)
		return -1;
	for (size_t i = 0; i < more_groups->count; i++) {
		gid_t gid;
		if (resolve_group(more_groups->items[i], &gid, err) < 0 || add_group(ret_user, gid, err) < 0)
			return -1;
	}
	return 0;
}
