/*
 * The splitter reads tar headers beside libarchive, which says nothing of where in the archive a file's bytes stand.
 * It needs little of them: the type, the size, the name, and the three ways in which a header before it changes those
 * (PAX, GNU's long names, the old sparse form). Whatever it is not sure of it refuses to record, rather than to record
 * it wrongly; and the digest of what is joined decides in the end.
 */
#include "archive/tar_split.h"

#include <limits.h>
#include <string.h>

#include "archive/layer_path.h"
#include "archive/tar_reader.h"
#include "base/buffer.h"

#define BLOCK_SIZE   ((size_t)512)
#define LITERAL_SIZE ((size_t)64 * 1024)

/* Where the fields of a header are (POSIX ustar, and GNU's old sparse form). */
#define NAME_AT	       0
#define NAME_SIZE      100
#define SIZE_AT	       124
#define SIZE_SIZE      12
#define TYPE_AT	       156
#define MAGIC_AT       257
#define PREFIX_AT      345
#define PREFIX_SIZE    155
#define SPARSE_MORE_AT 482 /* of a header of type 'S' */
#define MAP_MORE_AT    504 /* of a block of the map behind it */

enum split_state {
	SPLIT_HEADER,	/* the next block is a header */
	SPLIT_MAP,	/* the next block goes on with a sparse map */
	SPLIT_EXTENDED, /* in the records of a header that speaks of the next one */
	SPLIT_BYTES,	/* in what is recorded as it is */
	SPLIT_FILE,	/* in the contents of a file */
	SPLIT_REST,	/* behind the end */
};

struct tar_splitter {
	struct source from;
	struct sink record;
	enum split_state state;
	bool is_refused;
	uint64_t total;
	uint64_t left;	    /* bytes until the state changes */
	uint64_t data_size; /* of a sparse file, behind its map */
	size_t padding;	    /* behind the contents of a file */
	char extended_type;
	struct buffer extended;
	/* What extended headers said of the entry that comes next. */
	char *path;
	bool has_path_record; /* by PAX, which outweighs GNU's */
	bool has_size;
	bool is_sparse;
	uint64_t size;
	size_t block_used;
	unsigned char block[BLOCK_SIZE];
	size_t literal_used;
	unsigned char literal[LITERAL_SIZE];
};

static void put_number(unsigned char *to, uint64_t number, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = (unsigned char)(number >> (8 * i));
}

static int flush(struct tar_splitter *splitter, struct error *err)
{
	unsigned char head[5] = {'b'};
	size_t used = splitter->literal_used;
	splitter->literal_used = 0;
	if (used == 0 || splitter->is_refused)
		return 0;
	put_number(head + 1, used, 4);
	return sink_write(&splitter->record, head, sizeof head, err) < 0
		       ? -1
		       : sink_write(&splitter->record, splitter->literal, used, err);
}

static int keep(struct tar_splitter *splitter, const unsigned char *bytes, size_t size, struct error *err)
{
	while (size > 0) {
		size_t part = LITERAL_SIZE - splitter->literal_used;
		if (part > size)
			part = size;
		memcpy(splitter->literal + splitter->literal_used, bytes, part);
		splitter->literal_used += part;
		bytes += part;
		size -= part;
		if (splitter->literal_used == LITERAL_SIZE && flush(splitter, err) < 0)
			return -1;
	}
	return 0;
}

static void refuse(struct tar_splitter *splitter)
{
	splitter->is_refused = true;
	splitter->state = SPLIT_REST;
}

/* False where it is no number, or one below zero. */
static bool read_number(const unsigned char *field, size_t size, uint64_t *ret_number)
{
	uint64_t number = 0;
	if (field[0] & 0x80) { /* GNU's and star's base 256 */
		if (field[0] != 0x80)
			return false;
		for (size_t i = 1; i < size; i++) {
			if (number >> 55)
				return false;
			number = number << 8 | field[i];
		}
	} else {
		size_t i = 0;
		while (i < size && field[i] == ' ')
			i++;
		for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
			number = number << 3 | (uint64_t)(field[i] - '0');
	}
	*ret_number = number;
	return number < (uint64_t)1 << 62;
}

static char *name_of_header(const unsigned char *block)
{
	const char *name = (const char *)block + NAME_AT, *prefix = (const char *)block + PREFIX_AT;
	int name_size = (int)strnlen(name, NAME_SIZE), prefix_size = (int)strnlen(prefix, PREFIX_SIZE);
	if (memcmp(block + MAGIC_AT, "ustar", 6) != 0 || prefix_size == 0)
		return duplicate_bytes(name, (size_t)name_size);
	return format_string("%.*s/%.*s", prefix_size, prefix, name_size, name);
}

static void forget_extended(struct tar_splitter *splitter)
{
	replace_string(&splitter->path, NULL);
	splitter->has_path_record = splitter->has_size = splitter->is_sparse = false;
}

static bool is_key(const char *key, size_t size, const char *wanted)
{
	return size == strlen(wanted) && memcmp(key, wanted, size) == 0;
}

static void read_record(struct tar_splitter *splitter, const char *key, size_t key_size, const char *value,
			size_t value_size)
{
	if (is_key(key, key_size, "path")) {
		replace_string(&splitter->path, duplicate_bytes(value, value_size));
		splitter->has_path_record = true;
	} else if (is_key(key, key_size, "size")) {
		splitter->has_size = true;
		splitter->size = 0;
		for (size_t i = 0; i < value_size; i++) {
			if (value[i] < '0' || value[i] > '9' || splitter->size > UINT64_MAX / 16) {
				refuse(splitter);
				return;
			}
			splitter->size = splitter->size * 10 + (uint64_t)(value[i] - '0');
		}
	} else if ((key_size > 11 && memcmp(key, "GNU.sparse.", 11) == 0) || is_key(key, key_size, "SUN.holesdata") ||
		   is_key(key, key_size, "SCHILY.realsize")) {
		splitter->is_sparse = true;
	}
}

/* "LENGTH KEY=VALUE\n"… */
static void read_records(struct tar_splitter *splitter)
{
	const char *at = buffer_text(&splitter->extended), *end = at + splitter->extended.size;
	while (at < end && *at) {
		size_t length = 0;
		const char *key = at;
		while (key < end && *key >= '0' && *key <= '9' && length < TAR_HEADER_LIMIT)
			length = length * 10 + (size_t)(*key++ - '0');
		const char *value = key < end ? memchr(key, '=', (size_t)(end - key)) : NULL;
		if (key == end || *key != ' ' || !value || length > (size_t)(end - at) || at + length <= value + 1) {
			refuse(splitter);
			return;
		}
		key++;
		read_record(splitter, key, (size_t)(value - key), value + 1, (size_t)(at + length - 1 - (value + 1)));
		at += length;
	}
}

static void end_extended(struct tar_splitter *splitter)
{
	if (splitter->extended_type == 'x') {
		read_records(splitter);
	} else if (splitter->extended_type == 'g') {
		/* What a global header says of sizes and names nobody agrees on. */
		read_records(splitter);
		if (splitter->has_path_record || splitter->has_size || splitter->is_sparse)
			refuse(splitter);
	} else if (splitter->extended_type == 'L' && !splitter->has_path_record) {
		const char *name = buffer_text(&splitter->extended);
		replace_string(&splitter->path, duplicate_bytes(name, strnlen(name, splitter->extended.size)));
	}
	buffer_clear(&splitter->extended);
}

static size_t padding_of(uint64_t size)
{
	return (size_t)(-size % BLOCK_SIZE);
}

static void begin_bytes(struct tar_splitter *splitter, uint64_t size)
{
	splitter->left = size + padding_of(size);
	splitter->state = splitter->left > 0 ? SPLIT_BYTES : SPLIT_HEADER;
}

static void begin_extended(struct tar_splitter *splitter, char type, uint64_t size)
{
	if (size > TAR_HEADER_LIMIT) {
		refuse(splitter);
		return;
	}
	splitter->extended_type = type;
	splitter->left = size;
	splitter->padding = padding_of(size);
	splitter->state = SPLIT_EXTENDED;
	if (size == 0)
		splitter->state = SPLIT_HEADER;
}

static int begin_file(struct tar_splitter *splitter, const char *name, uint64_t size, struct error *err)
{
	char path[PATH_MAX];
	unsigned char head[11] = {'f'};
	size_t length = strlen(name);
	if (size == 0)
		return 0;
	/* A file whose name ends in a slash is a folder to some. */
	if (length == 0 || name[length - 1] == '/' || layer_path_clean(name, path, NULL) < 0) {
		refuse(splitter);
		return 0;
	}
	if (flush(splitter, err) < 0)
		return -1;
	put_number(head + 1, size, 8);
	put_number(head + 9, strlen(path), 2);
	splitter->left = size;
	splitter->padding = padding_of(size);
	splitter->state = SPLIT_FILE;
	return sink_write(&splitter->record, head, sizeof head, err) < 0
		       ? -1
		       : sink_write(&splitter->record, path, strlen(path), err);
}

static int begin_entry(struct tar_splitter *splitter, char type, uint64_t size, struct error *err)
{
	const unsigned char *block = splitter->block;
	if (splitter->has_size)
		size = splitter->size;
	cleanup_free char *name = splitter->path ? steal_pointer(&splitter->path) : name_of_header(block);
	bool is_sparse = splitter->is_sparse;
	forget_extended(splitter);
	switch (type) {
	case '0':
	case '\0':
	case '7':
		if (!is_sparse)
			return begin_file(splitter, name, size, err);
		begin_bytes(splitter, size);
		return 0;
	case 'S':
		splitter->data_size = size;
		if (block[SPARSE_MORE_AT])
			splitter->state = SPLIT_MAP;
		else
			begin_bytes(splitter, size);
		return 0;
	default:
		if (size > 0)
			refuse(splitter);
		return 0;
	}
}

static int read_header(struct tar_splitter *splitter, struct error *err)
{
	static const unsigned char zeros[BLOCK_SIZE];
	const unsigned char *block = splitter->block;
	uint64_t size;
	char type = (char)block[TYPE_AT];
	if (memcmp(block, zeros, BLOCK_SIZE) == 0) {
		splitter->state = SPLIT_REST;
		return 0;
	}
	if (!read_number(block + SIZE_AT, SIZE_SIZE, &size)) {
		refuse(splitter);
		return 0;
	}
	if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
		begin_extended(splitter, type, size);
		return 0;
	}
	return begin_entry(splitter, type, size, err);
}

/* Gathers a block, and reads it once it is whole. Returns how many bytes were taken. */
static ssize_t take_block(struct tar_splitter *splitter, const unsigned char *bytes, size_t size, struct error *err)
{
	size_t part = BLOCK_SIZE - splitter->block_used;
	if (part > size)
		part = size;
	memcpy(splitter->block + splitter->block_used, bytes, part);
	splitter->block_used += part;
	if (splitter->block_used < BLOCK_SIZE)
		return (ssize_t)part;
	splitter->block_used = 0;
	if (keep(splitter, splitter->block, BLOCK_SIZE, err) < 0)
		return -1;
	if (splitter->state == SPLIT_HEADER)
		return read_header(splitter, err) < 0 ? -1 : (ssize_t)part;
	if (!splitter->block[MAP_MORE_AT])
		begin_bytes(splitter, splitter->data_size);
	return (ssize_t)part;
}

/* The same for what is counted in `left`. */
static ssize_t take_counted(struct tar_splitter *splitter, const unsigned char *bytes, size_t size, struct error *err)
{
	size_t part = splitter->left < size ? (size_t)splitter->left : size;
	enum split_state state = splitter->state;
	if (state != SPLIT_FILE && keep(splitter, bytes, part, err) < 0)
		return -1;
	if (state == SPLIT_EXTENDED && buffer_append(&splitter->extended, bytes, part, err) < 0)
		return -1;
	splitter->left -= part;
	if (splitter->left > 0)
		return (ssize_t)part;
	splitter->state = SPLIT_HEADER;
	if (state == SPLIT_EXTENDED)
		end_extended(splitter);
	if (state != SPLIT_BYTES && splitter->padding > 0 && splitter->state == SPLIT_HEADER) {
		splitter->state = SPLIT_BYTES;
		splitter->left = splitter->padding;
	}
	return (ssize_t)part;
}

static int take(struct tar_splitter *splitter, const unsigned char *bytes, size_t size, struct error *err)
{
	splitter->total += size;
	while (size > 0) {
		if (splitter->state == SPLIT_REST)
			return splitter->is_refused ? 0 : keep(splitter, bytes, size, err);
		bool is_block = splitter->state == SPLIT_HEADER || splitter->state == SPLIT_MAP;
		ssize_t taken =
			is_block ? take_block(splitter, bytes, size, err) : take_counted(splitter, bytes, size, err);
		if (taken < 0)
			return -1;
		bytes += taken;
		size -= (size_t)taken;
	}
	return 0;
}

int tar_splitter_new(const struct source *tar, const struct sink *record, struct tar_splitter **ret_splitter,
		     struct error *err)
{
	struct tar_splitter *splitter = allocate(sizeof *splitter);
	splitter->from = *tar;
	splitter->record = *record;
	splitter->extended = BUFFER_INIT(TAR_HEADER_LIMIT);
	*ret_splitter = splitter;
	return 0;
}

static ssize_t splitter_read(void *context, void *bytes, size_t size, struct error *err)
{
	struct tar_splitter *splitter = context;
	ssize_t got = source_read(&splitter->from, bytes, size, err);
	if (got <= 0)
		return got;
	return take(splitter, bytes, (size_t)got, err) < 0 ? -1 : got;
}

static ssize_t splitter_lend(void *context, const void **ret_bytes, struct error *err)
{
	struct tar_splitter *splitter = context;
	ssize_t got = splitter->from.lend(splitter->from.context, ret_bytes, err);
	if (got <= 0)
		return got;
	return take(splitter, *ret_bytes, (size_t)got, err) < 0 ? -1 : got;
}

struct source tar_splitter_source(struct tar_splitter *splitter)
{
	return (struct source){splitter_read, splitter, splitter->from.lend ? splitter_lend : NULL};
}

int tar_splitter_finish(struct tar_splitter *splitter, uint64_t *ret_size, bool *ret_complete, struct error *err)
{
	unsigned char end[9] = {'e'};
	/* An archive may end without its zeros, between two headers. */
	bool is_whole = splitter->state == SPLIT_REST || (splitter->state == SPLIT_HEADER && splitter->block_used == 0);
	put_number(end + 1, splitter->total, 8);
	if (flush(splitter, err) < 0 || sink_write(&splitter->record, end, sizeof end, err) < 0)
		return -1;
	*ret_size = splitter->total;
	*ret_complete = is_whole && !splitter->is_refused;
	return 0;
}

void tar_splitter_free(struct tar_splitter *splitter)
{
	if (!splitter)
		return;
	buffer_release(&splitter->extended);
	free(splitter->path);
	free(splitter);
}
