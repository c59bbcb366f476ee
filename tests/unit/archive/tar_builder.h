/*
 * Archives made byte by byte, so that a test can say what no tar program would write. All numbers are the header's; the
 * checksum is always right.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"

struct tar_member {
	const char *name;
	char type;	    /* '0' file, '1' hard link, '2' symbolic link, '3' '4' devices, '5' folder, '6' FIFO */
	const char *target; /* of links */
	const void *bytes;
	size_t size;
	unsigned int mode; /* 0: 0644, and 0755 for a folder */
	unsigned int uid, gid;
	unsigned int device_major, device_minor;
	int64_t time;
};

void tar_add(struct buffer *tar, struct tar_member member);
/* A PAX header for the next member: records of "KEY", value, size. */
struct pax_record {
	const char *key;
	const void *value;
	size_t size;
};
void tar_add_pax(struct buffer *tar, const struct pax_record *records, size_t count);
void tar_add_end(struct buffer *tar);

#define TAR_FILE(name_text, text)                                                                                      \
	((struct tar_member){.name = name_text, .type = '0', .bytes = text, .size = strlen(text)})
#define TAR_FOLDER(name_text)	     ((struct tar_member){.name = name_text, .type = '5'})
#define TAR_LINK(name_text, to)	     ((struct tar_member){.name = name_text, .type = '2', .target = to})
#define TAR_HARD_LINK(name_text, to) ((struct tar_member){.name = name_text, .type = '1', .target = to})
