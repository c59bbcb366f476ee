#include "engine/etc_files.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"

static int write_text(int folder, const char *name, const char *text, int *ret_fd, struct error *err)
{
	/* Replaced in place, not renamed: a running container may have the old file mounted. */
	cleanup_close int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return error_set_errno(err, errno, "create %s", name);
	if (write_full(fd, text, strlen(text), err) < 0)
		return error_wrap(err, "%s", name);
	int path = openat(folder, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (path < 0)
		return error_set_errno(err, errno, "open %s", name);
	*ret_fd = path;
	return 0;
}

static char *resolver_text(const struct etc_options *options)
{
	if (options->dns->count) {
		struct string_list lines = {0};
		for (size_t i = 0; i < options->dns->count; i++)
			string_list_add_format(&lines, "nameserver %s\n", options->dns->items[i]);
		char *text = string_list_join(&lines, "");
		string_list_release(&lines);
		return text;
	}
	cleanup_buffer struct buffer host = {0};
	struct error ignored = {0};
	if (read_file_at(AT_FDCWD, "/etc/resolv.conf", 65536, &host, &ignored) < 0)
		return duplicate_string("");
	/* The host's own loopback resolver cannot be reached from another network namespace. */
	if (options->shares_host_network)
		return buffer_steal(&host);
	struct string_list lines = {0};
	char *rest = host.bytes;
	for (char *line; rest && (line = strsep(&rest, "\n"));)
		if (*line && strncmp(line, "nameserver 127.", 15) != 0 && strncmp(line, "nameserver ::1", 14) != 0)
			string_list_add_format(&lines, "%s\n", line);
	char *text = string_list_join(&lines, "");
	string_list_release(&lines);
	return text;
}

static char *hosts_text(const struct etc_options *options)
{
	struct string_list lines = {0};
	string_list_add(&lines, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
	for (size_t i = 0; i < options->extra_hosts->count; i++) {
		const char *item = options->extra_hosts->items[i];
		const char *colon = strchr(item, ':');
		if (colon)
			string_list_add_format(&lines, "%s\t%.*s\n", colon + 1, (int)(colon - item), item);
	}
	if (options->address)
		string_list_add_format(&lines, "%s\t%s\n", options->address, options->hostname);
	char *text = string_list_join(&lines, "");
	string_list_release(&lines);
	return text;
}

int etc_files_write(int folder, const struct etc_options *options, struct etc_files *ret_files, struct error *err)
{
	struct etc_files files = ETC_FILES_INIT;
	cleanup_free char *hostname = format_string("%s\n", options->hostname);
	cleanup_free char *hosts = hosts_text(options);
	cleanup_free char *resolver = resolver_text(options);
	if (write_text(folder, "hostname", hostname, &files.hostname_fd, err) < 0 ||
	    write_text(folder, "hosts", hosts, &files.hosts_fd, err) < 0 ||
	    write_text(folder, "resolv.conf", resolver, &files.resolv_conf_fd, err) < 0) {
		etc_files_close(&files);
		return -1;
	}
	*ret_files = files;
	return 0;
}

void etc_files_close(struct etc_files *files)
{
	const int fds[] = {files->hostname_fd, files->hosts_fd, files->resolv_conf_fd};
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	*files = ETC_FILES_INIT;
}
