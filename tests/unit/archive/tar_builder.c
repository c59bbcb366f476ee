#include "tar_builder.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], time[12], checksum[8], type, target[100], magic[8];
	char user[32], group[32], major[8], minor[8], prefix[155], padding[12];
};
_Static_assert(sizeof(struct header) == 512, "a block");

static void append(struct buffer *tar, const void *bytes, size_t size)
{
	struct error err = {0};
	if (buffer_append(tar, bytes, size, &err) < 0)
		abort();
	static const char zeros[512];
	if (size % 512 && buffer_append(tar, zeros, 512 - size % 512, &err) < 0)
		abort();
}

void tar_add(struct buffer *tar, struct tar_member member)
{
	struct header header = {.type = member.type, .magic = {'u', 's', 't', 'a', 'r', 0, '0', '0'}};
	unsigned int mode = member.mode ? member.mode : member.type == '5' ? 0755 : 0644;
	memcpy(header.name, member.name, strnlen(member.name, sizeof header.name));
	if (member.target)
		memcpy(header.target, member.target, strnlen(member.target, sizeof header.target));
	snprintf(header.mode, sizeof header.mode, "%07o", mode & 07777777);
	snprintf(header.uid, sizeof header.uid, "%07o", member.uid & 07777777);
	snprintf(header.gid, sizeof header.gid, "%07o", member.gid & 07777777);
	snprintf(header.size, sizeof header.size, "%011zo", member.size);
	snprintf(header.time, sizeof header.time, "%011" PRIo64, member.time);
	snprintf(header.major, sizeof header.major, "%07o", member.device_major & 07777777);
	snprintf(header.minor, sizeof header.minor, "%07o", member.device_minor & 07777777);
	memset(header.checksum, ' ', sizeof header.checksum);
	unsigned int sum = 0;
	for (size_t i = 0; i < sizeof header; i++)
		sum += ((const unsigned char *)&header)[i];
	snprintf(header.checksum, sizeof header.checksum, "%06o", sum & 0777777);
	append(tar, &header, sizeof header);
	if (member.bytes)
		append(tar, member.bytes, member.size);
}

void tar_add_pax(struct buffer *tar, const struct pax_record *records, size_t count)
{
	struct buffer body = BUFFER_INIT((size_t)64 * 1024 * 1024);
	struct error err = {0};
	for (size_t i = 0; i < count; i++) {
		/* The length counts its own digits. */
		size_t rest = strlen(records[i].key) + records[i].size + 3, length = rest + 1;
		while (length != rest + (size_t)snprintf(NULL, 0, "%zu", length))
			length = rest + (size_t)snprintf(NULL, 0, "%zu", length);
		if (buffer_append_format(&body, &err, "%zu %s=", length, records[i].key) < 0 ||
		    buffer_append(&body, records[i].value, records[i].size, &err) < 0 ||
		    buffer_append_string(&body, "\n", &err) < 0)
			abort();
	}
	tar_add(tar, (struct tar_member){.name = "PaxHeader", .type = 'x', .bytes = body.bytes, .size = body.size});
	buffer_release(&body);
}

void tar_add_end(struct buffer *tar)
{
	static const char zeros[1024];
	append(tar, zeros, sizeof zeros);
}
