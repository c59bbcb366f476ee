#include "store/event.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/fd.h"

#define FILE_NAME "events"
#define OLD_NAME  "events.old"

/* A command's words may be of any bytes; what is no UTF-8 is told with its ASCII alone. */
static json_t *text_value(const char *text)
{
	json_t *value = json_string(text);
	if (value)
		return value;
	cleanup_free char *plain = duplicate_string(text);
	for (char *at = plain; *at; at++)
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	return json_string(plain);
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* By key, as Go writes maps. Takes the object over. */
static json_t *sort_members(json_t *object)
{
	size_t count = 0;
	const char *key;
	json_t *value;
	cleanup_free const char **keys = allocate_array(json_object_size(object), sizeof *keys);
	json_object_foreach(object, key, value) keys[count++] = key;
	if (count > 1)
		qsort(keys, count, sizeof *keys, compare_keys);
	json_t *sorted = json_object();
	for (size_t i = 0; i < count; i++)
		json_object_set(sorted, keys[i], json_object_get(object, keys[i]));
	json_decref(object);
	return sorted;
}

/* {"Type": …} with what older clients look for beside it. */
static json_t *make_event(const char *type, const char *action, const char *id, json_t *attributes)
{
	nanoseconds now = time_now();
	json_t *event = json_object();
	bool is_old = strcmp(type, "container") == 0 || strcmp(type, "image") == 0;
	if (is_old) {
		json_object_set_new(event, "status", text_value(action));
		json_object_set_new(event, "id", text_value(id));
		json_t *from = json_object_get(attributes, "image");
		if (from)
			json_object_set(event, "from", from);
	}
	json_object_set_new(event, "Type", json_string(type));
	json_object_set_new(event, "Action", text_value(action));
	json_object_set_new(event, "Actor",
			    json_pack("{s:o, s:o}", "ID", text_value(id), "Attributes", sort_members(attributes)));
	json_object_set_new(event, "scope", json_string("local"));
	json_object_set_new(event, "time", json_integer(now / NANOSECONDS_PER_SECOND));
	json_object_set_new(event, "timeNano", json_integer(now));
	return event;
}

/* One of those that find the file full renames it; its lock, taken on what still has the name, decides which. */
static void turn_over(struct store *store, int fd)
{
	struct stat mine, named;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &mine) == 0 &&
	    fstatat(store->run_root_fd, FILE_NAME, &named, AT_SYMLINK_NOFOLLOW) == 0 && mine.st_ino == named.st_ino)
		renameat(store->run_root_fd, FILE_NAME, store->run_root_fd, OLD_NAME);
}

void event_add(struct store *store, const char *type, const char *action, const char *id, json_t *attributes)
{
	cleanup_json json_t *event = make_event(type, action, id, attributes);
	cleanup_free char *text = json_text(event);
	if (strlen(text) >= EVENT_LIMIT) {
		json_object_clear(json_object_get(json_object_get(event, "Actor"), "Attributes"));
		replace_string(&text, json_text(event));
	}
	size_t size = strlen(text);
	text[size] = '\n'; /* in the place of the NUL */
	cleanup_close int fd =
		openat(store->run_root_fd, FILE_NAME, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || write(fd, text, size + 1) < 0)
		return;
	if (lseek(fd, 0, SEEK_CUR) >= EVENTS_FILE_LIMIT)
		turn_over(store, fd);
}

struct event_reader {
	struct store *store;
	nanoseconds since;
	int fd; /* -1: there is no file yet */
	int inotify_fd;
	bool is_old; /* fd is of the older file: the newer comes next */
	struct buffer input;
	size_t taken;
};

void event_reader_free(struct event_reader *reader)
{
	if (!reader)
		return;
	cleanup_close_function(&reader->fd);
	cleanup_close_function(&reader->inotify_fd);
	buffer_release(&reader->input);
	free(reader);
}

static int open_file(struct event_reader *reader, const char *name, struct error *err)
{
	cleanup_close_function(&reader->fd);
	reader->fd = openat(reader->store->run_root_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (reader->fd < 0 && errno != ENOENT)
		return error_set_errno(err, errno, "open %s/%s", reader->store->run_root, name);
	reader->is_old = strcmp(name, OLD_NAME) == 0;
	return 0;
}

int event_reader_open(struct store *store, nanoseconds since, struct event_reader **ret_reader, struct error *err)
{
	cleanup_event_reader struct event_reader *reader = allocate(sizeof *reader);
	*reader = (struct event_reader){
		.store = store, .since = since, .fd = -1, .inotify_fd = -1, .input = BUFFER_INIT(4 * EVENT_LIMIT)};
	/* The folder: the file is watched through it, also when there is another of the name. */
	reader->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	cleanup_free char *path = format_string("/proc/self/fd/%d", store->run_root_fd);
	if (reader->inotify_fd < 0 ||
	    inotify_add_watch(reader->inotify_fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
		return error_set_errno(err, errno, "watch %s for events (inotify)", store->run_root);
	if (open_file(reader, OLD_NAME, err) < 0 || (reader->fd < 0 && open_file(reader, FILE_NAME, err) < 0))
		return -1;
	*ret_reader = steal_pointer(&reader);
	return 0;
}

/* Whether the file that we read has lost its name: then there is a newer one. */
static bool is_superseded(const struct event_reader *reader)
{
	struct stat mine, named;
	if (reader->fd < 0 || reader->is_old)
		return true;
	return fstat(reader->fd, &mine) == 0 &&
	       (fstatat(reader->store->run_root_fd, FILE_NAME, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
		mine.st_ino != named.st_ino);
}

/* 1: there are more bytes; 0: none for now. Asked for the name first: what was written before it changed is read. */
static int fill(struct event_reader *reader, struct error *err)
{
	buffer_consume(&reader->input, reader->taken);
	reader->taken = 0;
	for (;;) {
		char block[16384];
		bool has_successor = is_superseded(reader);
		ssize_t got = reader->fd < 0 ? 0 : read_some(reader->fd, block, sizeof block);
		if (got < 0)
			return error_set_errno(err, errno, "read events");
		if (got > 0 && buffer_append(&reader->input, block, (size_t)got, err) < 0) {
			/* Nobody's event is so long. */
			error_clear(err);
			buffer_clear(&reader->input);
			continue;
		}
		if (got > 0)
			return 1;
		if (!has_successor)
			return 0;
		if (open_file(reader, FILE_NAME, err) < 0)
			return -1;
		if (reader->fd < 0)
			return 0;
	}
}

int event_reader_next(struct event_reader *reader, json_t **ret_event, struct error *err)
{
	for (;;) {
		char *at = reader->input.bytes ? reader->input.bytes + reader->taken : NULL;
		char *newline = at ? memchr(at, '\n', reader->input.size - reader->taken) : NULL;
		if (!newline) {
			int got = fill(reader, err);
			if (got <= 0)
				return got;
			continue;
		}
		cleanup_json json_t *event = NULL;
		struct error ignored = {0};
		reader->taken += (size_t)(newline - at) + 1;
		if (json_parse(at, (size_t)(newline - at), &event, &ignored) < 0 || !json_is_object(event) ||
		    json_integer_value(json_object_get(event, "timeNano")) < reader->since)
			continue;
		*ret_event = steal_pointer(&event);
		return 1;
	}
}

int event_reader_wait(struct event_reader *reader, nanoseconds until, struct error *err)
{
	char events[4096];
	struct pollfd wanted = {.fd = reader->inotify_fd, .events = POLLIN};
	nanoseconds left = until ? until - time_now() : 0;
	if (until && left <= 0)
		return 0;
	struct timespec limit = {.tv_sec = left / NANOSECONDS_PER_SECOND, .tv_nsec = left % NANOSECONDS_PER_SECOND};
	if (ppoll(&wanted, 1, until ? &limit : NULL, NULL) < 0 && errno != EINTR)
		return error_set_errno(err, errno, "wait for events");
	while (read_some(reader->inotify_fd, events, sizeof events) > 0)
		;
	return 1;
}
