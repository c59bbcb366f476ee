/*
 * config.json: whatever stands in it, credentials of one registry are not found for another, and a login into a file
 * that is accepted is found again. No helper is run: the PATH is empty. Works under $TMPDIR, best a tmpfs.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "scene.h"
#include "transfer/credentials.h"

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int scene_fd;

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count, (void)arguments;
	scene_fd = scene_open();
	if (setenv("DOCKER_CONFIG", scene_path, 1) < 0 || setenv("PATH", "/nonexistent", 1) < 0)
		abort();
	return 0;
}

static void put(const uint8_t *bytes, size_t size)
{
	cleanup_close int fd = openat(scene_fd, "config.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write_full(fd, bytes, size, NULL) < 0)
		abort();
}

static void find(const char *domain)
{
	cleanup_credentials struct credentials found = {0};
	struct error err = {0};
	if (credentials_find(domain, &found, &err) < 0) {
		if (!err.message[0])
			abort();
	} else if (found.username && !found.password) {
		abort();
	}
}

static void log_in(void)
{
	cleanup_credentials struct credentials found = {0};
	cleanup_free char *path = NULL;
	struct error err = {0};
	bool was_there;
	if (credentials_store("new.example:5000", "me", "a:b c", &path, &err) < 0)
		return;
	if (credentials_find("new.example:5000", &found, &err) < 0 || !found.username ||
	    strcmp(found.username, "me") != 0 || strcmp(found.password, "a:b c") != 0)
		abort();
	if (credentials_erase("new.example:5000", &was_there, &err) < 0 || !was_there)
		abort();
	cleanup_credentials struct credentials gone = {0};
	if (credentials_find("new.example:5000", &gone, &err) < 0 || gone.username)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	put(bytes, size);
	find("docker.io");
	find("a.example");
	find("localhost:5000");
	/* With this name nothing in the file can be meant. */
	cleanup_credentials struct credentials none = {0};
	if (!memmem(bytes, size, "unknown", 7) && !memmem(bytes, size, "\\", 1) &&
	    credentials_find("unknown.example", &none, NULL) == 0 && none.username)
		abort();
	log_in();
	return 0;
}
