#include "archive/tar_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/buffer.h"
#include "base/memory.h"

#define BLOCK_SIZE   ((size_t)512)
#define OUTPUT_SIZE  ((size_t)256 * 1024)
#define ID_LIMIT     UINT64_C(07777777) /* what the header's fields can hold */
#define SIZE_LIMIT   UINT64_C(077777777777)
#define PAX_NAME     "PaxHeaders/entry"
#define XATTR_PREFIX "SCHILY.xattr."
#define DECIMAL_SIZE 24

struct ustar_header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char time[12];
	char checksum[8];
	char type;
	char target[100];
	char magic[6];
	char version[2];
	char user[32];
	char group[32];
	char major[8];
	char minor[8];
	char prefix[155];
	char padding[12];
};
static_assert(sizeof(struct ustar_header) == BLOCK_SIZE, "a header is a block");

struct tar_writer {
	struct sink to;
	struct buffer pax; /* records for the next entry */
	uint64_t data_left;
	size_t padding_left;
	size_t used;
	char output[OUTPUT_SIZE]; /* not zeroed */
};

int tar_writer_new(const struct sink *tar, struct tar_writer **ret_writer, struct error *err)
{
	(void)err;
	struct tar_writer *writer = allocate_unset(sizeof *writer);
	memset(writer, 0, offsetof(struct tar_writer, output));
	writer->to = *tar;
	writer->pax = BUFFER_INIT(TAR_PAX_LIMIT);
	*ret_writer = writer;
	return 0;
}

void tar_writer_free(struct tar_writer *writer)
{
	if (!writer)
		return;
	buffer_release(&writer->pax);
	free(writer);
}

static int flush(struct tar_writer *writer, struct error *err)
{
	size_t size = writer->used;
	writer->used = 0;
	return size ? sink_write(&writer->to, writer->output, size, err) : 0;
}

/* `bytes` NULL: zeros. */
static int put(struct tar_writer *writer, const char *bytes, size_t size, struct error *err)
{
	while (size > 0) {
		size_t part = OUTPUT_SIZE - writer->used;
		if (part > size)
			part = size;
		if (bytes) {
			memcpy(writer->output + writer->used, bytes, part);
			bytes += part;
		} else {
			memset(writer->output + writer->used, 0, part);
		}
		writer->used += part;
		size -= part;
		if (writer->used == OUTPUT_SIZE && flush(writer, err) < 0)
			return -1;
	}
	return 0;
}

static size_t padding_of(uint64_t size)
{
	return (size_t)(-size % BLOCK_SIZE);
}

/* "LENGTH KEY=VALUE\n", where the length counts itself. */
static int add_record(struct tar_writer *writer, const char *prefix, const char *key, const void *value, size_t size,
		      struct error *err)
{
	size_t rest = strlen(prefix) + strlen(key) + size + 3, length = rest, before;
	do {
		before = length;
		length = rest + (size_t)snprintf(NULL, 0, "%zu", before);
	} while (length != before);
	if (buffer_append_format(&writer->pax, err, "%zu %s%s=", length, prefix, key) < 0 ||
	    buffer_append(&writer->pax, value, size, err) < 0 || buffer_append(&writer->pax, "\n", 1, err) < 0)
		return error_wrap(err, "its names and attributes");
	return 0;
}

int tar_writer_attribute(struct tar_writer *writer, const char *name, const void *value, size_t size, struct error *err)
{
	return add_record(writer, XATTR_PREFIX, name, value, size, err);
}

/* A number as octal digits that fill the field up to its NUL; what does not fit goes into a PAX record. */
static int set_number(struct tar_writer *writer, char *field, size_t field_size, const char *key, int64_t number,
		      struct error *err)
{
	uint64_t limit = field_size == 8 ? ID_LIMIT : SIZE_LIMIT;
	bool fits = number >= 0 && (uint64_t)number <= limit;
	for (uint64_t i = field_size - 1, rest = fits ? (uint64_t)number : 0; i-- > 0; rest >>= 3)
		field[i] = (char)('0' + (rest & 7));
	if (fits || !key)
		return 0;
	char text[DECIMAL_SIZE];
	int size = snprintf(text, sizeof text, "%" PRId64, number);
	return add_record(writer, "", key, text, (size_t)size, err);
}

/* Into `name`, or at a slash into `prefix` and `name`, or into a PAX record. */
static int set_path(struct tar_writer *writer, struct ustar_header *header, const char *path, bool is_folder,
		    struct error *err)
{
	cleanup_free char *text = format_string("%s%s", path, is_folder ? "/" : "");
	size_t size = strlen(text);
	if (size <= sizeof header->name) {
		memcpy(header->name, text, size);
		return 0;
	}
	/* The last slash that leaves a name behind it; a folder's own slash does not count. */
	for (size_t at = size - 2; at > 0; at--) {
		if (text[at] != '/' || at > sizeof header->prefix)
			continue;
		if (size - at - 1 > sizeof header->name)
			break;
		memcpy(header->prefix, text, at);
		memcpy(header->name, text + at + 1, size - at - 1);
		return 0;
	}
	memcpy(header->name, text, sizeof header->name);
	return add_record(writer, "", "path", text, size, err);
}

static char type_of(const struct tar_entry *entry)
{
	if (entry->is_hard_link)
		return '1';
	switch (entry->mode & S_IFMT) {
	case S_IFLNK:
		return '2';
	case S_IFCHR:
		return '3';
	case S_IFBLK:
		return '4';
	case S_IFDIR:
		return '5';
	case S_IFIFO:
		return '6';
	default:
		return '0';
	}
}

static int put_header(struct tar_writer *writer, struct ustar_header *header, struct error *err)
{
	memcpy(header->magic, "ustar", 6);
	memcpy(header->version, "00", 2);
	memset(header->checksum, ' ', sizeof header->checksum);
	unsigned int sum = 0;
	for (size_t i = 0; i < sizeof *header; i++)
		sum += ((const unsigned char *)header)[i];
	for (int i = 5; i >= 0; i--, sum >>= 3)
		header->checksum[i] = (char)('0' + (sum & 7));
	header->checksum[6] = '\0';
	return put(writer, (const char *)header, sizeof *header, err);
}

static int put_pax(struct tar_writer *writer, struct error *err)
{
	size_t size = writer->pax.size;
	struct ustar_header header = {.name = PAX_NAME, .type = 'x'};
	set_number(writer, header.mode, sizeof header.mode, NULL, 0644, err);
	set_number(writer, header.uid, sizeof header.uid, NULL, 0, err);
	set_number(writer, header.gid, sizeof header.gid, NULL, 0, err);
	set_number(writer, header.size, sizeof header.size, NULL, (int64_t)size, err);
	set_number(writer, header.time, sizeof header.time, NULL, 0, err);
	if (put_header(writer, &header, err) < 0 || put(writer, writer->pax.bytes, size, err) < 0)
		return -1;
	buffer_clear(&writer->pax);
	return put(writer, NULL, padding_of(size), err);
}

static int end_data(struct tar_writer *writer, struct error *err)
{
	if (writer->data_left > 0)
		return error_set(err, ERROR_SYSTEM, "write the tar archive: %" PRIu64 " bytes of a file are missing",
				 writer->data_left);
	size_t padding = writer->padding_left;
	writer->padding_left = 0;
	return put(writer, NULL, padding, err);
}

int tar_writer_entry(struct tar_writer *writer, const struct tar_entry *entry, struct error *err)
{
	struct ustar_header header = {.type = type_of(entry)};
	uint64_t size = header.type == '0' ? entry->size : 0;
	bool is_device = header.type == '3' || header.type == '4';
	if (end_data(writer, err) < 0 || set_path(writer, &header, entry->path, header.type == '5', err) < 0 ||
	    set_number(writer, header.uid, sizeof header.uid, "uid", entry->uid, err) < 0 ||
	    set_number(writer, header.gid, sizeof header.gid, "gid", entry->gid, err) < 0 ||
	    set_number(writer, header.size, sizeof header.size, "size", (int64_t)size, err) < 0 ||
	    set_number(writer, header.time, sizeof header.time, "mtime", entry->time, err) < 0)
		return -1;
	set_number(writer, header.mode, sizeof header.mode, NULL, entry->mode & 07777, err);
	set_number(writer, header.major, sizeof header.major, NULL, is_device ? major(entry->device) : 0, err);
	set_number(writer, header.minor, sizeof header.minor, NULL, is_device ? minor(entry->device) : 0, err);
	if (entry->target) {
		size_t length = strlen(entry->target);
		bool fits = length <= sizeof header.target;
		memcpy(header.target, entry->target, fits ? length : sizeof header.target);
		if (!fits && add_record(writer, "", "linkpath", entry->target, length, err) < 0)
			return -1;
	}
	if (writer->pax.size > 0 && put_pax(writer, err) < 0)
		return -1;
	writer->data_left = size;
	writer->padding_left = padding_of(size);
	return put_header(writer, &header, err);
}

int tar_writer_data(struct tar_writer *writer, const void *bytes, size_t size, struct error *err)
{
	if (size > writer->data_left)
		return error_set(err, ERROR_SYSTEM, "write the tar archive: more bytes than were announced");
	writer->data_left -= size;
	return put(writer, bytes, size, err);
}

int tar_writer_finish(struct tar_writer *writer, struct error *err)
{
	if (end_data(writer, err) < 0 || put(writer, NULL, 2 * BLOCK_SIZE, err) < 0)
		return -1;
	return flush(writer, err);
}
