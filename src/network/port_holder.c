#include "network/port_holder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#define LINE_SIZE   512
#define LISTEN	    0x0a
#define LOCAL_FIELD 1
#define STATE_FIELD 3
#define INODE_FIELD 9

/* The inode of the socket in one table of /proc/net that listens on the port, or 0. The addresses are hexadecimal words
 * of four bytes; what is asked here is the port alone, since one that is in the way has it. */
static unsigned long find_in(const char *path, uint16_t port, bool must_listen)
{
	cleanup_file FILE *table = fopen(path, "re");
	char line[LINE_SIZE];
	while (table && fgets(line, sizeof line, table)) {
		char *rest = line, *fields[INODE_FIELD + 1];
		size_t count = 0;
		for (char *word; count < ARRAY_SIZE(fields) && (word = strsep(&rest, " \n"));)
			if (*word)
				fields[count++] = word;
		char *colon = count == ARRAY_SIZE(fields) ? strchr(fields[LOCAL_FIELD], ':') : NULL;
		if (!colon || strtoul(colon + 1, NULL, 16) != port ||
		    (must_listen && strtoul(fields[STATE_FIELD], NULL, 16) != LISTEN))
			continue;
		return strtoul(fields[INODE_FIELD], NULL, 10);
	}
	return 0;
}

static bool has_socket(const char *process, const char *wanted)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%.20s/fd", process);
	cleanup_directory DIR *descriptors = opendir(path);
	for (struct dirent *entry; descriptors && (entry = readdir(descriptors));) {
		char target[64];
		ssize_t length = readlinkat(dirfd(descriptors), entry->d_name, target, sizeof target - 1);
		if (length <= 0)
			continue;
		target[length] = '\0';
		if (strcmp(target, wanted) == 0)
			return true;
	}
	return false;
}

void port_holder_describe(const struct published_port *port, char *text, size_t size)
{
	static const char *const tables[][2] = {{"/proc/net/tcp", "/proc/net/tcp6"},
						{"/proc/net/udp", "/proc/net/udp6"}};
	text[0] = '\0';
	if (port->protocol > PORT_UDP)
		return;
	unsigned long inode = 0;
	for (size_t i = 0; i < 2 && inode == 0; i++)
		inode = find_in(tables[port->protocol][i], port->host_port, port->protocol == PORT_TCP);
	if (inode == 0)
		return;
	char wanted[64];
	snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
	cleanup_directory DIR *processes = opendir("/proc");
	for (struct dirent *entry; processes && (entry = readdir(processes));) {
		if (entry->d_name[strspn(entry->d_name, "0123456789")] || !has_socket(entry->d_name, wanted))
			continue;
		char path[64], name[32] = "";
		snprintf(path, sizeof path, "/proc/%.20s/comm", entry->d_name);
		cleanup_file FILE *file = fopen(path, "re");
		if (file && fgets(name, sizeof name, file))
			name[strcspn(name, "\n")] = '\0';
		snprintf(text, size, " (by %s, process %.20s)", name, entry->d_name);
		return;
	}
}
