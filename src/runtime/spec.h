/*
 * What the kernel is asked for when a container starts: the part of OCI's runtime specification that Coracle uses, as
 * one plain structure. It is filled by engine/ and only read here; strings and lists belong to whoever filled it.
 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/string_list.h"

enum spec_mount_kind {
	SPEC_MOUNT_BIND,  /* source_fd: O_PATH descriptor of a host file or folder */
	SPEC_MOUNT_TMPFS, /* options: "size=64m,mode=1777" */
};

struct spec_mount {
	enum spec_mount_kind kind;
	int source_fd;	     /* bind only; else -1 */
	const char *target;  /* inside the container; made where missing, confined to the root */
	const char *options; /* tmpfs only; may be NULL */
	bool read_only;
	bool recursive;		   /* bind: with what is mounted below */
	bool read_only_here;	   /* bind: what is mounted below stays writable */
	unsigned long propagation; /* bind: MS_SHARED, MS_SLAVE; 0: MS_PRIVATE */
	bool copy_up;		   /* an empty volume is first filled with what the image has at the target */
};

/* What one block device is held to. */
enum spec_block_limit_kind {
	SPEC_BLOCK_WEIGHT,     /* 10..1000, relative to others */
	SPEC_BLOCK_READ_BYTES, /* a second */
	SPEC_BLOCK_WRITE_BYTES,
	SPEC_BLOCK_READ_OPERATIONS,
	SPEC_BLOCK_WRITE_OPERATIONS,
	SPEC_BLOCK_LIMIT_KINDS,
};
struct spec_block_limit {
	enum spec_block_limit_kind kind;
	unsigned major, minor;
	uint64_t value;
};

struct spec_resources {
	int64_t memory_bytes;		  /* 0: no limit */
	int64_t memory_swap_bytes;	  /* memory and swap together; 0: no limit, -1: unlimited */
	int64_t memory_reservation_bytes; /* what it keeps while the host is short of memory; 0: nothing */
	bool sets_swappiness;
	int64_t memory_swappiness; /* 0..100, where it is set */
	bool oom_kill_disable;
	int64_t pids_limit;	   /* 0: no limit */
	int64_t cpu_quota_us;	   /* per period; 0: no limit */
	int64_t cpu_period_us;	   /* 0: 100 ms */
	int64_t cpu_shares;	   /* 0: the default */
	int64_t cpu_rt_period_us;  /* of realtime scheduling; 0: the kernel's */
	int64_t cpu_rt_runtime_us; /* 0: none */
	const char *cpuset_cpus;   /* "0-3,5"; NULL: all */
	const char *cpuset_mems;
	int64_t block_weight; /* 10..1000; 0: the default */
	const struct spec_block_limit *block_limits;
	size_t block_limit_count;
};

/* RLIMIT_* of the command and what it starts. */
struct spec_limit {
	int resource;
	uint64_t soft, hard; /* RLIM_INFINITY: none */
};

enum spec_network { SPEC_NETWORK_OWN, SPEC_NETWORK_HOST, SPEC_NETWORK_SHARED };

/* A namespace of the container's own, the host's, or another container's. */
enum spec_namespace { SPEC_NAMESPACE_OWN, SPEC_NAMESPACE_HOST, SPEC_NAMESPACE_JOIN };

/* --device: a node that the container gets. */
struct spec_device {
	const char *path; /* absolute, inside the container */
	mode_t mode;	  /* S_IFCHR or S_IFBLK with the permissions */
	dev_t number;
	uid_t owner;
	gid_t group;
};

/* What the controller of devices allows. */
struct device_rule {
	char type;	    /* 'c', 'b'; 'a': both */
	int major, minor;   /* -1: any */
	const char *access; /* of "rwm": read, write, mknod */
};

struct spec_sysctl {
	const char *path; /* below /proc/sys: "net/ipv4/ip_forward" */
	const char *value;
	bool is_optional; /* a kernel without it is no failure */
};

struct runtime_spec {
	const char *id;
	const char *cgroup; /* path below each hierarchy: "/coracle/<id>" */

	/* Root: layers under an upper folder. All O_PATH or folder descriptors, the top layer first. */
	const int *layer_fds;
	size_t layer_count; /* 0: an empty root (FROM scratch) */
	int upper_fd;
	int work_fd;
	bool read_only_root;

	const struct spec_mount *mounts; /* in order, after the default ones */
	size_t mount_count;
	int hostname_fd, hosts_fd, resolv_conf_fd; /* files put on /etc/…; -1: none */
	const char *hostname;

	const char *const *arguments; /* NULL-terminated; arguments[0] is looked up in the container's PATH */
	struct string_list environment;
	const char *working_directory; /* "" is "/"; made where missing, as Docker does */
	const char *user;	   /* "", "name", "uid", "name:group", "uid:gid"; resolved in the container's files */
	struct string_list groups; /* --group-add */

	/* Bit N is capability N; bounding, permitted, effective. Inheritable and ambient are 0. */
	uint64_t capabilities;
	bool no_new_privileges;
	const struct sock_fprog *seccomp; /* NULL: unconfined */
	bool privileged;		  /* no masks, read-write /sys, all devices */
	bool shows_system_paths;	  /* no masks */
	enum spec_network network;
	int network_fd;			      /* the namespace that is shared */
	enum spec_namespace pid, ipc;	      /* JOIN: those of the process behind pid_pidfd and ipc_pidfd */
	enum spec_namespace uts, cgroup_view; /* OWN or HOST */
	int pid_pidfd, ipc_pidfd;
	bool has_no_shm;	/* --ipc none: no /dev/shm */
	const char *domainname; /* NULL: none */
	const struct spec_device *devices;
	size_t device_count;
	const struct device_rule *device_rules; /* beyond the default ones */
	size_t device_rule_count;
	const struct spec_sysctl *sysctls;
	size_t sysctl_count;
	int oom_score_adj; /* -1000..1000 */
	struct spec_resources resources;
	int64_t shm_bytes; /* 0: 64 MiB */
	const struct spec_limit *limits;
	size_t limit_count;

	bool die_with_parent;  /* SIGKILL when the process that launched it ends, however it ends: a build's step */
	bool terminal;	       /* a pseudo-terminal of the container's own devpts is descriptors 0, 1, 2 */
	int stdio_fds[3];      /* used without a terminal */
	const char *init_path; /* --init: host path of the tiny init put before the command; NULL: none */
};
