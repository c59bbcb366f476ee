#include "engine/log_journal.h"

#include <ctype.h>
#include <endian.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/log_options.h"
#include "monitor/journal.h"

/* The journal's rule: capital letters, digits and underscores, no underscore first. */
static char *field_name(const char *key, size_t length)
{
	char *name = allocate(length + 1);
	size_t used = 0;
	for (size_t i = 0; i < length; i++) {
		int letter = toupper((unsigned char)key[i]);
		if (!isascii(letter) || !isalnum(letter))
			letter = '_';
		if (used > 0 || letter != '_')
			name[used++] = (char)letter;
	}
	return name;
}

static int append_field(struct buffer *text, const char *pair, struct error *err)
{
	const char *value = strchr(pair, '=') + 1;
	if (!strchr(value, '\n'))
		return buffer_append_format(text, err, "%s\n", pair);
	/* A value of several lines has its size before it. */
	uint64_t size = htole64(strlen(value));
	if (buffer_append(text, pair, (size_t)(value - 1 - pair), err) < 0 || buffer_append(text, "\n", 1, err) < 0 ||
	    buffer_append(text, &size, sizeof size, err) < 0)
		return -1;
	return buffer_append_format(text, err, "%s\n", value);
}

static int collect_fields(const struct container_config *config, const struct container_record *record,
			  struct string_list *fields, struct error *err)
{
	cleanup_string_list struct string_list attributes = {0};
	cleanup_free char *short_id = format_string("%.12s", record->id);
	cleanup_free char *tag = NULL;
	if (log_tag(config, record, "{{.ID}}", &tag, err) < 0 || log_attributes(config, record, &attributes, err) < 0)
		return -1;
	string_list_set_key(fields, "CONTAINER_ID", short_id);
	string_list_set_key(fields, "CONTAINER_ID_FULL", record->id);
	string_list_set_key(fields, "CONTAINER_NAME", record->name);
	string_list_set_key(fields, "CONTAINER_TAG", tag ? tag : "");
	string_list_set_key(fields, "IMAGE_NAME", record->image_name);
	string_list_set_key(fields, "SYSLOG_IDENTIFIER", tag ? tag : "");
	for (size_t i = 0; i < attributes.count; i++) {
		const char *pair = attributes.items[i];
		size_t length = strcspn(pair, "=");
		cleanup_free char *name = field_name(pair, length);
		/* Its own fields tell who it is; and the tag has one. */
		if (*name && strcmp(name, "TAG") != 0 && string_list_find_key(fields, name) < 0)
			string_list_set_key(fields, name, pair + length + 1);
	}
	return 0;
}

int log_journal_fields(const struct container_config *config, const struct container_record *record, int *ret_fd,
		       struct error *err)
{
	cleanup_string_list struct string_list fields = {0};
	cleanup_buffer struct buffer text = BUFFER_INIT(JOURNAL_FIELD_LIMIT);
	struct stat info;
	if (stat(JOURNAL_SOCKET, &info) < 0 || !S_ISSOCK(info.st_mode))
		return error_set(
			err, ERROR_UNSUPPORTED,
			"failed to initialize logging driver: journald is not enabled on this host: there is no "
			"socket " JOURNAL_SOCKET);
	if (collect_fields(config, record, &fields, err) < 0)
		return -1;
	for (size_t i = 0; i < fields.count; i++)
		if (append_field(&text, fields.items[i], err) < 0)
			return error_wrap(err, "failed to initialize logging driver: labels and env for the journal");
	cleanup_close int fd = memfd_create("journal-fields", MFD_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, errno, "make a file for the journal's fields");
	if (write_full(fd, text.bytes, text.size, err) < 0)
		return -1;
	*ret_fd = steal_fd(&fd);
	return 0;
}
