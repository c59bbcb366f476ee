/* /etc/hostname, /etc/hosts and /etc/resolv.conf of a container: made in a folder of ours, bound over the image's. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/string_list.h"

struct etc_options {
	const char *hostname;
	const char *domainname;				    /* NULL: none */
	const struct string_list *addresses;		    /* of the container; NULL: none */
	const struct string_list *extra_hosts;		    /* NAME:ADDRESS */
	const struct string_list *dns;			    /* empty: the host's resolv.conf */
	const struct string_list *dns_search, *dns_options; /* NULL or empty: the host's */
	bool shares_host_network;
	bool has_resolver; /* one of ours answers in the container, and asks those servers */
};

/* O_PATH descriptors, owned; -1: none. */
struct etc_files {
	int hostname_fd, hosts_fd, resolv_conf_fd;
};
#define ETC_FILES_INIT ((struct etc_files){-1, -1, -1})

/* Where the resolver is found. */
#define RESOLVER_ADDRESS "127.0.0.11"
/* The servers that it asks: those given, or the host's. */
void etc_files_servers(const struct string_list *dns, struct string_list *servers);
/* resolv.conf alone, of a container that runs. */
int etc_files_write_resolver(int folder, const struct etc_options *options, struct error *err);

int etc_files_write(int folder, const struct etc_options *options, struct etc_files *ret_files, struct error *err);
void etc_files_close(struct etc_files *files);
