#include "engine/etc_files.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"

#define RESOLV_CONF_LIMIT 65536

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

static char *host_resolver_text(void)
{
	cleanup_buffer struct buffer host = {0};
	struct error ignored = {0};
	if (read_file_at(AT_FDCWD, "/etc/resolv.conf", RESOLV_CONF_LIMIT, &host, &ignored) < 0)
		return duplicate_string("");
	return buffer_steal(&host);
}

/* The first word of a line, where it is that one; else NULL. */
static const char *value_of(const char *line, const char *word)
{
	size_t length = strlen(word);
	if (strncmp(line, word, length) != 0 || !line[length] || !strchr(" \t", line[length]))
		return NULL;
	return line + length + strspn(line + length, " \t");
}

void etc_files_servers(const struct string_list *dns, struct string_list *servers)
{
	if (dns->count) {
		string_list_copy(servers, dns);
		return;
	}
	cleanup_free char *text = host_resolver_text();
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n"));) {
		const char *address = value_of(line, "nameserver");
		if (address)
			string_list_add_format(servers, "%.*s", (int)strcspn(address, " \t"), address);
	}
}

static void add_joined(struct string_list *lines, const char *word, const struct string_list *values)
{
	cleanup_free char *text = string_list_join(values, " ");
	/* "." is no domain at all. */
	if (strcmp(text, ".") != 0)
		string_list_add_format(lines, "%s %s\n", word, text);
}

/* The host's lines, as far as nothing was said in their place. */
static void add_host_lines(struct string_list *lines, const struct etc_options *options, char *host)
{
	bool has_search = options->dns_search && options->dns_search->count;
	bool has_options = options->dns_options && options->dns_options->count;
	for (char *rest = host, *line; rest && (line = strsep(&rest, "\n"));) {
		const char *server = value_of(line, "nameserver");
		/* The host's own loopback resolver cannot be reached from another network namespace. */
		bool is_local = server && (strncmp(server, "127.", 4) == 0 || strncmp(server, "::1", 3) == 0);
		if (!*line || is_local || (server && (options->has_resolver || options->dns->count)) ||
		    (has_search && (value_of(line, "search") || value_of(line, "domain"))) ||
		    (has_options && value_of(line, "options")))
			continue;
		string_list_add_format(lines, "%s\n", line);
	}
}

static char *resolver_text(const struct etc_options *options)
{
	cleanup_free char *host = host_resolver_text();
	cleanup_string_list struct string_list lines = {0};
	bool has_search = options->dns_search && options->dns_search->count;
	bool has_options = options->dns_options && options->dns_options->count;
	if (options->shares_host_network && options->dns->count == 0 && !has_search && !has_options)
		return steal_pointer(&host);
	if (options->has_resolver)
		string_list_add(&lines, "nameserver " RESOLVER_ADDRESS "\n");
	for (size_t i = 0; !options->has_resolver && i < options->dns->count; i++)
		string_list_add_format(&lines, "nameserver %s\n", options->dns->items[i]);
	if (has_search)
		add_joined(&lines, "search", options->dns_search);
	if (has_options)
		add_joined(&lines, "options", options->dns_options);
	/* With servers of one's own, the host's domains are not meant. */
	if (options->dns->count == 0)
		add_host_lines(&lines, options, host);
	/* Names of containers have no dot: they are asked for as they are first. */
	if (options->has_resolver && !has_options)
		string_list_add(&lines, "options ndots:0\n");
	return string_list_join(&lines, "");
}

static char *hosts_text(const struct etc_options *options)
{
	struct string_list lines = {0};
	string_list_add(&lines, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
				"fe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\n"
				"ff02::2\tip6-allrouters\n");
	for (size_t i = 0; i < options->extra_hosts->count; i++) {
		const char *item = options->extra_hosts->items[i];
		const char *colon = strchr(item, ':');
		if (colon)
			string_list_add_format(&lines, "%s\t%.*s\n", colon + 1, (int)(colon - item), item);
	}
	const char *domain = options->domainname;
	for (size_t i = 0; options->addresses && i < options->addresses->count; i++)
		string_list_add_format(&lines, "%s\t%s%s%s%s%s\n", options->addresses->items[i], options->hostname,
				       domain ? "." : "", domain ? domain : "", domain ? " " : "",
				       domain ? options->hostname : "");
	char *text = string_list_join(&lines, "");
	string_list_release(&lines);
	return text;
}

int etc_files_write_resolver(int folder, const struct etc_options *options, struct error *err)
{
	cleanup_close int path = -1;
	cleanup_free char *resolver = resolver_text(options);
	return write_text(folder, "resolv.conf", resolver, &path, err);
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
