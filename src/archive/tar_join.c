#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/layer_path.h"
#include "archive/tar_split.h"
#include "base/fd.h"

struct tar_joiner {
	struct source record;
	int folder_fd; /* borrowed */
	int file_fd;   /* owned; the file whose contents come now, or -1 */
	uint64_t left; /* bytes of the part */
	uint64_t total;
	bool has_ended;
	char path[PATH_MAX];
};

static int is_damaged(struct error *err)
{
	return error_set(err, ERROR_CORRUPT, "the record of the layer's archive is damaged");
}

static int read_exactly(struct tar_joiner *joiner, void *bytes, size_t size, struct error *err)
{
	char *to = bytes;
	while (size > 0) {
		ssize_t got = source_read(&joiner->record, to, size, err);
		if (got <= 0)
			return got < 0 ? -1 : is_damaged(err);
		to += got;
		size -= (size_t)got;
	}
	return 0;
}

static int read_number(struct tar_joiner *joiner, size_t size, uint64_t *ret_number, struct error *err)
{
	unsigned char bytes[8];
	if (read_exactly(joiner, bytes, size, err) < 0)
		return -1;
	*ret_number = 0;
	for (size_t i = 0; i < size; i++)
		*ret_number |= (uint64_t)bytes[i] << (8 * i);
	return 0;
}

static int begin_file(struct tar_joiner *joiner, struct error *err)
{
	uint64_t length;
	struct stat status;
	char text[256];
	if (read_number(joiner, 8, &joiner->left, err) < 0 || read_number(joiner, 2, &length, err) < 0)
		return -1;
	if (length == 0 || length >= PATH_MAX || joiner->left == 0)
		return is_damaged(err);
	if (read_exactly(joiner, joiner->path, (size_t)length, err) < 0)
		return -1;
	joiner->path[length] = '\0';
	layer_path_printable(joiner->path, text);
	joiner->file_fd =
		open_in_root(joiner->folder_fd, joiner->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	if (joiner->file_fd < 0 || fstat(joiner->file_fd, &status) < 0) {
		if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
			return error_set(err, ERROR_CORRUPT, "\"%s\" is missing from the layer's folder", text);
		return error_set_errno(err, errno, "open \"%s\" of the layer's folder", text);
	}
	if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size != joiner->left)
		return error_set(err, ERROR_CORRUPT,
				 "\"%s\" of the layer's folder has %jd bytes, and %" PRIu64 " in the layer's archive",
				 text, (intmax_t)status.st_size, joiner->left);
	return 0;
}

/* 0: the end. */
static int begin_part(struct tar_joiner *joiner, struct error *err)
{
	char letter;
	uint64_t total;
	if (read_exactly(joiner, &letter, 1, err) < 0)
		return -1;
	switch (letter) {
	case 'b':
		if (read_number(joiner, 4, &joiner->left, err) < 0)
			return -1;
		return joiner->left > 0 ? 1 : is_damaged(err);
	case 'f':
		return begin_file(joiner, err) < 0 ? -1 : 1;
	case 'e':
		if (read_number(joiner, 8, &total, err) < 0)
			return -1;
		joiner->has_ended = true;
		return total == joiner->total ? 0 : is_damaged(err);
	default:
		return is_damaged(err);
	}
}

static ssize_t joiner_read(void *context, void *bytes, size_t size, struct error *err)
{
	struct tar_joiner *joiner = context;
	if (joiner->has_ended)
		return 0;
	if (joiner->left == 0) {
		int more = begin_part(joiner, err);
		if (more <= 0)
			return more;
	}
	if (size > joiner->left)
		size = (size_t)joiner->left;
	ssize_t got;
	if (joiner->file_fd < 0) {
		got = source_read(&joiner->record, bytes, size, err);
		if (got < 0)
			return -1;
	} else {
		got = read_some(joiner->file_fd, bytes, size);
		if (got < 0)
			return error_set_errno(err, errno, "read \"%.100s\" of the layer's folder", joiner->path);
	}
	if (got == 0)
		return is_damaged(err);
	joiner->left -= (uint64_t)got;
	joiner->total += (uint64_t)got;
	if (joiner->left == 0 && joiner->file_fd >= 0)
		close(steal_fd(&joiner->file_fd));
	return got;
}

int tar_joiner_new(const struct source *record, int folder_fd, struct tar_joiner **ret_joiner, struct error *err)
{
	struct tar_joiner *joiner = allocate(sizeof *joiner);
	joiner->record = *record;
	joiner->folder_fd = folder_fd;
	joiner->file_fd = -1;
	*ret_joiner = joiner;
	return 0;
}

struct source tar_joiner_source(struct tar_joiner *joiner)
{
	return (struct source){joiner_read, joiner};
}

void tar_joiner_free(struct tar_joiner *joiner)
{
	if (!joiner)
		return;
	if (joiner->file_fd >= 0)
		close(joiner->file_fd);
	free(joiner);
}
