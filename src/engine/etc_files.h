/* /etc/hostname, /etc/hosts and /etc/resolv.conf of a container: made in a folder of ours, bound over the image's. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/string_list.h"

struct etc_options {
	const char *hostname;
	const char *address;		       /* "172.17.0.2"; NULL: none */
	const struct string_list *extra_hosts; /* NAME:ADDRESS */
	const struct string_list *dns;	       /* empty: the host's resolv.conf */
	bool shares_host_network;
};

/* O_PATH descriptors, owned; -1: none. */
struct etc_files {
	int hostname_fd, hosts_fd, resolv_conf_fd;
};
#define ETC_FILES_INIT ((struct etc_files){-1, -1, -1})

int etc_files_write(int folder, const struct etc_options *options, struct etc_files *ret_files, struct error *err);
void etc_files_close(struct etc_files *files);
