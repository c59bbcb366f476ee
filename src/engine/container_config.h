/*
 * What a container is to be: the user's options over the image's defaults. It is kept as a JSON document in the
 * container's record, so that a start needs nothing else.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/string_list.h"
#include "network/endpoint.h"
#include "oci/image_config.h"
#include "runtime/spec.h"

enum container_mount_kind {
	CONTAINER_MOUNT_BIND,
	CONTAINER_MOUNT_VOLUME,
	CONTAINER_MOUNT_TMPFS,
};

struct container_mount {
	enum container_mount_kind kind;
	char *source;  /* host path; volume name, "" until an anonymous one has its name; "" for tmpfs */
	char *target;  /* absolute, inside the container */
	char *options; /* tmpfs: "size=64m"; else "" */
	bool read_only;
	bool make_source;	   /* -v makes a host folder that is missing; --mount does not */
	bool by_mount;		   /* said with --mount rather than -v */
	bool is_borrowed;	   /* of --volumes-from */
	bool is_shallow;	   /* bind: without what is mounted below it */
	bool read_only_here;	   /* bind: what is mounted below it stays writable */
	bool is_empty;		   /* volume-nocopy: it is not filled from the image */
	char *propagation;	   /* bind: "rshared" …; NULL: rprivate */
	char *subpath;		   /* volume: a folder or file below it; NULL: all */
	struct string_list labels; /* of a volume that is made for it */
};

/* BRIDGE: on the networks of its attachments; CONTAINER: shares that of another container. */
enum container_network {
	CONTAINER_NETWORK_BRIDGE,
	CONTAINER_NETWORK_HOST,
	CONTAINER_NETWORK_NONE,
	CONTAINER_NETWORK_CONTAINER
};
#define DEFAULT_NETWORK "bridge"

/* A network that a container is on, and what it wants to have there. */
struct container_attachment {
	char *network; /* name */
	struct string_list aliases;
	char *address, *address6; /* NULL: any */
	char *hardware;		  /* NULL: follows from the address */
};

/* What --restart says of a container that has ended. */
enum restart_policy { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS, RESTART_UNLESS_STOPPED };
extern const char *const restart_policy_names[]; /* "no", "on-failure", "always", "unless-stopped" */

/* Where output goes. json-file and local are one format here: the log that `logs` reads (monitor/log_writer.h). */
enum log_driver { LOG_DRIVER_JSON_FILE, LOG_DRIVER_LOCAL, LOG_DRIVER_JOURNALD, LOG_DRIVER_NONE };
extern const char *const log_driver_names[]; /* "json-file", "local", "journald", "none" */

struct container_config {
	char *hostname; /* NULL: the first 12 digits of the id */
	/* What runs: entrypoint, then command. */
	struct string_list entrypoint;
	bool has_entrypoint;
	struct string_list command;
	bool has_command;
	struct string_list environment; /* KEY=VALUE */
	char *working_directory;
	char *user;
	struct string_list groups;
	struct string_list labels; /* KEY=VALUE */
	char *stop_signal;
	int64_t stop_timeout; /* seconds; -1: the default of 10 */
	enum log_driver log_driver;
	struct string_list log_options; /* KEY=VALUE (log_options.h) */
	enum restart_policy restart_policy;
	int64_t restart_limit; /* of on-failure; 0: none */

	bool terminal;
	bool open_input;				   /* -i */
	bool attach_input, attach_output, attach_problems; /* what the foreground shows; told by `inspect` */
	bool use_init;
	bool read_only_root;

	struct container_mount *mounts;
	size_t mount_count;

	enum container_network network;
	struct container_attachment *attachments; /* of BRIDGE, in order; none: loopback alone */
	size_t attachment_count;
	char *network_container;      /* id, until it is looked up a name; NULL: none */
	struct published_port *ports; /* host_port 0 until one is found */
	size_t port_count;
	struct string_list exposed_ports; /* "8000/tcp" */
	struct string_list extra_hosts;	  /* NAME:ADDRESS */
	struct string_list dns, dns_search, dns_options;
	struct string_list links; /* NAME:ALIAS */

	bool privileged;
	bool no_new_privileges;
	bool seccomp_unconfined;
	char *seccomp_profile;		   /* of a file, its text; NULL: the default */
	bool shows_system_paths;	   /* systempaths=unconfined */
	struct string_list security_words; /* of --security-opt, what has no effect here: "label=disable" */
	struct string_list capabilities_add, capabilities_drop;
	struct spec_resources resources; /* its pointers are not used: texts and lists are here */
	int64_t nano_cpus;		 /* --cpus; 0: no limit. Else of the quota, not both */
	char *cpuset_cpus, *cpuset_mems;
	char *cgroup_parent; /* NULL: /coracle */
	int64_t oom_score_adj;
	struct string_list ulimits; /* NAME=SOFT:HARD */
	/* PATH:NUMBER, of block devices */
	struct string_list block_weights, block_read_bytes, block_write_bytes, block_read_operations,
		block_write_operations;
	struct string_list devices;	 /* HOST:CONTAINER:rwm */
	struct string_list device_rules; /* "c 10:229 rwm" */
	struct string_list sysctls;	 /* NAME=VALUE */
	struct string_list annotations;	 /* KEY=VALUE */
	struct string_list volumes_from; /* CONTAINER[:MODE] */
	int64_t shm_bytes;

	/* "host", "container:ID" …; NULL: a namespace of its own */
	char *pid_mode, *ipc_mode, *uts_mode, *cgroup_mode, *userns_mode;
	char *domainname;

	json_t *healthcheck;	  /* owned; as in an image's config; NULL: none */
	struct string_list shell; /* of the image, for its CMD-SHELL; empty: /bin/sh -c */

	struct string_list layers; /* diff ids, base first; from the image */
};

void container_config_init(struct container_config *config);
void container_config_release(struct container_config *config);
void container_mount_release(struct container_mount *mount);
#define cleanup_container_mount	 CLEANUP(container_mount_release)
#define cleanup_container_config CLEANUP(container_config_release)

json_t *container_config_to_json(const struct container_config *config);
int container_config_from_json(const json_t *document, struct container_config *ret_config, struct error *err);

/* Puts the image's defaults where the user said nothing. */
void container_config_apply_image(struct container_config *config, const struct image_config *image);

/* What users write. Messages are Docker's. */
int container_config_add_volume(struct container_config *config, const char *text, struct error *err); /* -v */
int container_config_add_mount(struct container_config *config, const char *text, struct error *err);  /* --mount */
int container_config_add_tmpfs(struct container_config *config, const char *text, struct error *err);  /* --tmpfs */
int container_config_add_port(struct container_config *config, const char *text, struct error *err);   /* -p */
int container_config_add_environment(struct container_config *config, const char *text, struct error *err); /* -e */
int container_config_add_environment_file(struct container_config *config, const char *path, struct error *err);
int container_config_add_network(struct container_config *config, const char *text, struct error *err); /* --network */
int container_config_set_log_driver(struct container_config *config, const char *text,
				    struct error *err); /* --log-driver */
/* --log-opt, after the driver. */
int container_config_set_log_options(struct container_config *config, const struct string_list *options,
				     struct error *err);
int container_config_set_restart(struct container_config *config, const char *text, struct error *err); /* --restart */
int container_config_add_security(struct container_config *config, const char *text, struct error *err);

/* The capabilities that come of --cap-add, --cap-drop and --privileged. */
int container_config_capabilities(const struct container_config *config, uint64_t *ret_bits, struct error *err);

/* Of --network-alias, --ip, --ip6, --mac-address: they are about the first network. */
struct network_wishes {
	const struct string_list *aliases;
	const char *address, *address6, *hardware;
};
/* Puts the wishes where they belong, the default network where there is none, and refuses what cannot go together. */
int container_config_complete_network(struct container_config *config, const struct network_wishes *wishes,
				      struct error *err);
/* NULL where the container is not on it. */
struct container_attachment *container_config_find_attachment(const struct container_config *config,
							      const char *network);
struct container_attachment *container_config_add_attachment(struct container_config *config, const char *network);
void container_config_remove_attachment(struct container_config *config, const char *network);
int container_attachment_check(const struct container_attachment *attachment, struct error *err);
/* "bridge", "host", "none", "container:ID", or the first network's name: owned by the caller. */
char *container_config_network_mode(const struct container_config *config);
/* NAME:ADDRESS, NAME=ADDRESS, with "host-gateway" for an address: as NAME:ADDRESS. */
int container_config_add_extra_host(struct container_config *config, const char *text, struct error *err);
int container_config_add_link(struct container_config *config, const char *text, struct error *err);
#define HOST_GATEWAY "host-gateway"
