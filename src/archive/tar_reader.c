/*
 * libarchive translates PAX names from UTF-8 to the locale's character set, and composes Unicode on the way, so that a
 * name would come out as other bytes. In the C locale the translation of anything but ASCII fails, upon which it hands
 * out the bytes as they are and gives a warning. So the C locale is set for this thread while the reader works.
 */
#include "archive/tar_reader.h"

#include <archive.h>
#include <errno.h>
#include <locale.h>
#include <string.h>

#include "base/memory.h"

#define INPUT_SIZE ((size_t)256 * 1024)

struct tar_reader {
	struct archive *archive;
	locale_t locale;
	struct source from;
	struct error source_error; /* kept while libarchive unwinds */
	bool counts_header;	   /* inside tar_reader_next */
	bool over_limit;
	size_t header_bytes;
	unsigned char input[INPUT_SIZE];
};

static la_ssize_t read_input(struct archive *archive, void *context, const void **ret_bytes)
{
	struct tar_reader *reader = context;
	if (reader->counts_header && reader->header_bytes > TAR_HEADER_LIMIT) {
		reader->over_limit = true;
		archive_set_error(archive, EFBIG, "the headers are too large");
		return ARCHIVE_FATAL;
	}
	ssize_t got = source_borrow(&reader->from, reader->input, INPUT_SIZE, ret_bytes, &reader->source_error);
	if (got < 0) {
		archive_set_error(archive, EIO, "read");
		return ARCHIVE_FATAL;
	}
	reader->header_bytes += (size_t)got;
	return got;
}

/* Which of the three went wrong: the bytes' source, a limit, or the archive. */
static int report(const struct tar_reader *reader, struct error *err)
{
	if (reader->source_error.kind != ERROR_NONE) {
		if (err)
			*err = reader->source_error;
		return -1;
	}
	if (reader->over_limit)
		return error_set(err, ERROR_LIMIT, "the headers of one entry are larger than %zu bytes",
				 TAR_HEADER_LIMIT);
	const char *why = archive_error_string(reader->archive);
	return error_set(err, ERROR_CORRUPT, "damaged tar archive: %.200s", why ? why : "it makes no sense");
}

int tar_reader_new(const struct source *tar, struct tar_reader **ret_reader, struct error *err)
{
	cleanup_tar_reader struct tar_reader *reader = allocate(sizeof *reader);
	reader->from = *tar;
	reader->locale = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
	reader->archive = archive_read_new();
	if (!reader->archive || !reader->locale)
		abort();
	/* No filters: nothing is decompressed here, and no program is ever run to do it. */
	archive_read_support_format_tar(reader->archive);
	archive_read_support_format_empty(reader->archive);
	locale_t before = uselocale(reader->locale);
	reader->counts_header = true;
	int answer = archive_read_open(reader->archive, reader, NULL, read_input, NULL);
	uselocale(before);
	if (answer != ARCHIVE_OK)
		return report(reader, err);
	*ret_reader = steal_pointer(&reader);
	return 0;
}

void tar_reader_free(struct tar_reader *reader)
{
	if (!reader)
		return;
	if (reader->archive)
		archive_read_free(reader->archive);
	if (reader->locale)
		freelocale(reader->locale);
	free(reader);
}

/* A name that is not ASCII is no reason to warn; attributes that are dropped, a name among them perhaps, are damage. */
static bool warning_matters(struct archive *archive)
{
	const char *why = archive_error_string(archive);
	return why && strstr(why, "malformed pax");
}

int tar_reader_next(struct tar_reader *reader, struct archive_entry **ret_entry, struct error *err)
{
	locale_t before = uselocale(reader->locale);
	/* Data that was left is skipped first: it is not the next entry's header. */
	reader->counts_header = false;
	int answer = ARCHIVE_OK;
	if (archive_file_count(reader->archive) > 0)
		answer = archive_read_data_skip(reader->archive);
	if (answer >= ARCHIVE_WARN) {
		reader->counts_header = true;
		reader->header_bytes = 0;
		answer = archive_read_next_header(reader->archive, ret_entry);
	}
	uselocale(before);
	if (answer == ARCHIVE_EOF)
		return 0;
	if (answer < ARCHIVE_WARN || (answer == ARCHIVE_WARN && warning_matters(reader->archive)))
		return report(reader, err);
	return 1;
}

int tar_reader_data(struct tar_reader *reader, struct tar_block *ret_block, struct error *err)
{
	la_int64_t offset = 0;
	reader->counts_header = false;
	int answer = archive_read_data_block(reader->archive, &ret_block->bytes, &ret_block->size, &offset);
	if (answer == ARCHIVE_EOF)
		return 0;
	if (answer != ARCHIVE_OK || offset < 0)
		return report(reader, err);
	ret_block->offset = (uint64_t)offset;
	return 1;
}

int tar_reader_drain(struct tar_reader *reader, struct error *err)
{
	uint64_t total = 0;
	for (;;) {
		ssize_t got = source_read(&reader->from, reader->input, INPUT_SIZE, err);
		if (got <= 0)
			return (int)got;
		total += (uint64_t)got;
		if (total > TAR_PADDING_LIMIT)
			return error_set(err, ERROR_LIMIT, "more than %d MiB follow the end of the tar archive",
					 (int)(TAR_PADDING_LIMIT >> 20));
	}
}
