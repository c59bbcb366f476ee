#include "store/boot_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"

#define PREFIX	    "boot-"
#define ID_FILE	    "/proc/sys/kernel/random/boot_id"
#define ID_SIZE_MAX 40

static char own_name[BOOT_FOLDER_SIZE];
static pthread_once_t own_name_once = PTHREAD_ONCE_INIT;

/* Nothing but the digits of a UUID becomes a path. */
static void read_own_name(void)
{
	cleanup_buffer struct buffer id = BUFFER_INIT(ID_SIZE_MAX);
	if (read_file_at(AT_FDCWD, ID_FILE, ID_SIZE_MAX, &id, NULL) < 0)
		return;
	const char *text = buffer_text(&id);
	size_t length = strspn(text, "0123456789abcdef-");
	if (length && text[length + strspn(text + length, "\n")] == '\0')
		snprintf(own_name, sizeof own_name, PREFIX "%.*s", (int)length, text);
}

const char *boot_folder_name(void)
{
	pthread_once(&own_name_once, read_own_name);
	return own_name[0] ? own_name : NULL;
}

bool boot_folder_is_old(const char *name)
{
	const char *own = boot_folder_name();
	return own && strncmp(name, PREFIX, strlen(PREFIX)) == 0 && strcmp(name, own) != 0;
}

int boot_folder_open(int folder_fd, enum digest_algorithm algorithm, struct error *err)
{
	const char *name = boot_folder_name();
	if (!name)
		return error_set(err, ERROR_UNSUPPORTED, "the kernel does not tell its boot id");
	if (mkdirat(folder_fd, name, 0700) == 0) {
		if (sync_fd(folder_fd, err) < 0)
			return -1;
	} else if (errno != EEXIST) {
		return error_set_errno(err, errno, "make folder %s", name);
	}
	cleanup_close int boot_fd = open_folder_at(folder_fd, name, false, 0, err);
	return boot_fd < 0 ? -1 : open_folder_at(boot_fd, digest_algorithm_name(algorithm), true, 0700, err);
}

bool boot_folder_place(unsigned attempt, const char *path, char place[BOOT_PLACE_SIZE])
{
	const char *boot = attempt ? boot_folder_name() : NULL;
	if (attempt > 2 || (attempt && !boot))
		return false;
	snprintf(place, BOOT_PLACE_SIZE, "%s%s%s", attempt == 1 ? boot : "", attempt == 1 ? "/" : "", path);
	return true;
}
