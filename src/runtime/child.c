/*
 * Theory of operation: the child's steps, in the order that makes them safe.
 *
 *   1. its cgroup                                                       all that follows counts there
 *   2. its own root; the host's tree is let go of        rootfs.c       nothing left to escape to
 *   3. /proc, /dev, /sys, the cgroup namespace           mount_table.c  on an image that nobody else touches yet
 *   4. the user's mounts, /etc files                     mounts.c       from here on others may change what is seen
 *   5. masks                                             masks.c        behind the user's mounts, so that none undoes
 * them
 *   6. working directory, read-only root
 *   7. READY … GO                                        the parent attaches the network meanwhile
 *   8. network inside, then sysctls; the last that needs all capabilities
 *   9. bounding set, [filter], user, capabilities, [filter], exec
 *
 * The filter is loaded before the capabilities go, since loading it needs CAP_SYS_ADMIN, unless no_new_privs lets
 * anybody load one: then it comes last.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/signals.h"
#include "runtime/capability.h"
#include "runtime/devices.h"
#include "runtime/executable.h"
#include "runtime/masks.h"
#include "runtime/mount_api.h"
#include "runtime/mount_table.h"
#include "runtime/mounts.h"
#include "runtime/plan.h"
#include "runtime/rootfs.h"
#include "runtime/sync.h"
#include "runtime/sysctl.h"
#include "runtime/terminal.h"
#include "runtime/user.h"

struct child {
	struct start_plan *plan;
	const struct runtime_spec *spec;
	int root_fd;
	int working_directory_fd;
	int proc_sys_fd; /* where there are sysctls to set */
	int terminal_master, terminal_slave;
	struct user user;
};

static int wait_for(const struct child *child, enum sync_kind kind, struct error *err)
{
	struct sync_message message;
	int got = sync_receive(child->plan->sync_fd, &message, NULL, err);
	if (got < 0)
		return -1;
	/* The parent has died: nobody is left to hear of it. */
	if (got == 0)
		_exit(125);
	if (message.kind != kind)
		return error_set(err, ERROR_CORRUPT, "the start's two sides disagree: %u in place of %d", message.kind,
				 kind);
	return 0;
}

static int fill_dev(struct child *child, int *ret_null_fd, struct error *err)
{
	cleanup_close int dev = mount_target_folder(child->root_fd, "dev", err);
	if (dev < 0 || devices_make(dev, &child->plan->devices, ret_null_fd, err) < 0)
		return -1;
	if (child->plan->init_mount >= 0) {
		cleanup_close int target = mount_target_file(child->root_fd, "dev/init", err);
		if (target < 0 || mount_attach(child->plan->init_mount, target, "/dev/init", err) < 0)
			return -1;
	}
	if (child->spec->terminal)
		return terminal_open(child->root_fd, true, &child->terminal_master, &child->terminal_slave, err);
	return 0;
}

/* A mount shows what the namespace that made it calls the root, so that with the host's names too a container sees no
 * group but its own. */
static int enter_cgroup_namespace(struct child *child, struct error *err)
{
	const struct cgroup_layout *layout;
	bool stays = child->spec->cgroup_view == SPEC_NAMESPACE_HOST;
	cleanup_close int before =
		stays ? open_in_root(child->root_fd, "proc/thread-self/ns", O_PATH | O_DIRECTORY, 0) : -1;
	cleanup_close int host = stays ? openat(before, "cgroup", O_RDONLY | O_CLOEXEC) : -1;
	if (stays && host < 0)
		return error_set_errno(err, errno, "open the host's cgroup namespace");
	if (cgroup_layout_get(&layout, err) < 0)
		return -1;
	if (unshare(CLONE_NEWCGROUP) < 0)
		return error_set_errno(err, errno, "make a cgroup namespace");
	if (mount_table_apply_cgroups(child->root_fd, child->spec, layout, err) < 0)
		return -1;
	if (stays && setns(host, CLONE_NEWCGROUP) < 0)
		return error_set_errno(err, errno, "return to the host's cgroup namespace");
	return 0;
}

/* What another container lends, and names. */
static int enter_namespaces(const struct runtime_spec *spec, struct error *err)
{
	if (spec->ipc == SPEC_NAMESPACE_JOIN && setns(spec->ipc_pidfd, CLONE_NEWIPC) < 0)
		return error_set_errno(err, errno, "join the other container's IPC namespace");
	if (spec->uts != SPEC_NAMESPACE_OWN)
		return 0;
	if (spec->hostname && sethostname(spec->hostname, strlen(spec->hostname)) < 0)
		return error_set_errno(err, errno, "set the host name %s", spec->hostname);
	if (spec->domainname && setdomainname(spec->domainname, strlen(spec->domainname)) < 0)
		return error_set_errno(err, errno, "set the domain name %s", spec->domainname);
	return 0;
}

static int attach_files(struct child *child, struct error *err)
{
	const struct {
		int mount_fd;
		const char *path;
	} files[] = {
		{child->plan->hostname_mount, "/etc/hostname"},
		{child->plan->hosts_mount, "/etc/hosts"},
		{child->plan->resolv_conf_mount, "/etc/resolv.conf"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (files[i].mount_fd >= 0 &&
		    mounts_attach_file(child->root_fd, files[i].mount_fd, files[i].path, err) < 0)
			return -1;
	}
	return 0;
}

static int open_working_directory(struct child *child, struct error *err)
{
	const char *path = child->spec->working_directory;
	if (!path || !path[0])
		path = "/";
	if (path[0] != '/')
		return error_set(err, ERROR_INVALID,
				 "the working directory '%s' is invalid, it needs to be an absolute path", path);
	/* Through /proc/self/fd/N there is no way: links that are not in a file system are refused (CVE-2024-21626). */
	child->working_directory_fd = make_folders_in_root(child->root_fd, path, 0755);
	if (child->working_directory_fd < 0 && errno == EROFS)
		return error_set_errno(err, errno, "make the working directory %s", path);
	if (child->working_directory_fd < 0)
		return error_set_errno(err, errno, "set the working directory to %s", path);
	return 0;
}

static int build_root(struct child *child, struct error *err)
{
	const struct runtime_spec *spec = child->spec;
	child->root_fd = child->plan->root_mount;
	cleanup_close int null_fd = -1;
	if (enter_namespaces(spec, err) < 0 || rootfs_enter(child->root_fd, err) < 0 ||
	    mount_table_apply(child->root_fd, spec, child->plan->shm_mount, err) < 0 ||
	    fill_dev(child, &null_fd, err) < 0)
		return -1;
	if (spec->sysctl_count && (child->proc_sys_fd = sysctl_open(child->root_fd, err)) < 0)
		return -1;
	if (oom_score_apply(child->root_fd, spec->oom_score_adj, err) < 0)
		return -1;
	if (enter_cgroup_namespace(child, err) < 0 || attach_files(child, err) < 0)
		return -1;
	if (mounts_attach(child->root_fd, spec->mounts, spec->mount_count, child->plan->mount_fds, err) < 0)
		return -1;
	if (devices_add(child->root_fd, spec->devices, spec->device_count, err) < 0)
		return -1;
	if (!spec->privileged && !spec->shows_system_paths && masks_apply(child->root_fd, null_fd, err) < 0)
		return -1;
	if (open_working_directory(child, err) < 0)
		return -1;
	if (spec->read_only_root && mount_set(child->root_fd, MOUNT_ATTR_RDONLY, 0, false, err) < 0)
		return error_wrap(err, "make the root read-only");
	return user_resolve(child->root_fd, spec->user, &spec->groups, &child->user, err);
}

/*
 * A running container is joined rather than made. Its processes may be hostile and see this one from the start, so the
 * parent has made it undumpable: they can neither trace it nor look through its descriptors (CVE-2016-9962).
 */
static int join_container(struct child *child, struct error *err)
{
	const struct runtime_spec *spec = child->spec;
	int namespaces = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP;
	if (setns(child->plan->join_pidfd, namespaces) < 0)
		return error_set_errno(err, errno, "join the container's namespaces");
	child->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (child->root_fd < 0)
		return error_set_errno(err, errno, "open the container's root");
	if (oom_score_apply(child->root_fd, spec->oom_score_adj, err) < 0)
		return -1;
	const char *path = spec->working_directory && spec->working_directory[0] ? spec->working_directory : "/";
	child->working_directory_fd = open_in_root(child->root_fd, path, O_PATH | O_DIRECTORY, 0);
	if (child->working_directory_fd < 0)
		return error_set_errno(err, errno, "set the working directory to %s", path);
	if (spec->terminal &&
	    terminal_open(child->root_fd, false, &child->terminal_master, &child->terminal_slave, err) < 0)
		return -1;
	return user_resolve(child->root_fd, spec->user, &spec->groups, &child->user, err);
}

/* Puts the terminal, or the descriptors given, on 0, 1, 2, whatever numbers they had. */
static int take_standard_fds(struct child *child, struct error *err)
{
	int high[3];
	for (int i = 0; i < 3; i++) {
		int from = child->spec->terminal ? child->terminal_slave : child->spec->stdio_fds[i];
		high[i] =
			from >= 0 ? fcntl(from, F_DUPFD_CLOEXEC, 16) : open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (high[i] < 0)
			return error_set_errno(err, errno, "take standard descriptor %d", i);
	}
	for (int i = 0; i < 3; i++) {
		struct stat status;
		if (dup2(high[i], i) < 0 || fstat(i, &status) < 0)
			return error_set_errno(err, errno, "take standard descriptor %d", i);
		/* A program that is not root opens /dev/stdout anew: pipes and terminals become its own, files of
		 * others do not. */
		bool own = S_ISFIFO(status.st_mode) || (child->spec->terminal && S_ISCHR(status.st_mode));
		if (own && status.st_uid != child->user.uid && fchown(i, child->user.uid, (gid_t)-1) < 0 &&
		    errno != EPERM && errno != EROFS)
			return error_set_errno(err, errno, "give standard descriptor %d to the user", i);
	}
	return 0;
}

static int enter_working_directory(const struct child *child, struct error *err)
{
	char path[PATH_MAX];
	if (fchdir(child->working_directory_fd) < 0)
		return error_set_errno(err, errno, "enter the working directory %s", child->spec->working_directory);
	/* The system call, since libc turns "(unreachable)" into an error of its own. */
	long length = syscall(SYS_getcwd, path, sizeof path);
	if (length < 0 || path[0] != '/')
		return error_set(err, ERROR_DENIED, "the working directory %s is outside of the container",
				 child->spec->working_directory);
	return 0;
}

/* As root, who may raise them. */
static int set_limits(const struct runtime_spec *spec, struct error *err)
{
	for (size_t i = 0; i < spec->limit_count; i++) {
		const struct rlimit limit = {spec->limits[i].soft, spec->limits[i].hard};
		if (setrlimit((__rlimit_resource_t)spec->limits[i].resource, &limit) < 0)
			return error_set_errno(err, errno, "set limit %d to %llu:%llu", spec->limits[i].resource,
					       (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
	}
	return 0;
}

static int load_filter(const struct child *child, struct error *err)
{
	const struct sock_fprog *program = child->spec->seccomp;
	if (program && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program) < 0)
		return error_set_errno(err, errno, "load the system call filter");
	return 0;
}

static int become_user(const struct child *child, struct error *err)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return error_set_errno(err, errno, "keep the capabilities");
	/* The system calls: libc's functions signal the threads of a process, of which there are none. */
	if (syscall(SYS_setgroups, child->user.group_count, child->user.groups) < 0)
		return error_set_errno(err, errno, "set the groups");
	if (syscall(SYS_setresgid, child->user.gid, child->user.gid, child->user.gid) < 0)
		return error_set_errno(err, errno, "become group %u", child->user.gid);
	if (syscall(SYS_setresuid, child->user.uid, child->user.uid, child->user.uid) < 0)
		return error_set_errno(err, errno, "become user %u", child->user.uid);
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return error_set_errno(err, errno, "stop keeping the capabilities");
	return 0;
}

/*
 * A change of user or capabilities takes the signal back, so it is asked for after those. A parent that died before is
 * seen by the end of its socket; its number says nothing, being 0 in here at all times.
 */
static int die_with_parent(const struct child *child, struct error *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return error_set_errno(err, errno, "bind its life to its parent's");
	struct pollfd parent = {.fd = child->plan->sync_fd, .events = POLLIN};
	if (poll(&parent, 1, 0) > 0 && parent.revents & (POLLHUP | POLLERR))
		_exit(125);
	return 0;
}

static void complete_environment(struct child *child)
{
	struct start_plan *plan = child->plan;
	for (size_t i = 0; i < plan->environment_count; i++) {
		if (strncmp(plan->environment[i], "HOME=", 5) == 0)
			return;
	}
	snprintf(plan->home, sizeof plan->home, "HOME=%s", child->user.home);
	plan->environment[plan->environment_count++] = plan->home;
	plan->environment[plan->environment_count] = NULL;
}

/* With --init the first program is ours, so what is missing is said of the command here rather than by it. */
static int find_program(struct child *child, struct error *err)
{
	struct start_plan *plan = child->plan;
	const char *command = child->spec->arguments[0];
	if (executable_find(command, plan->path, plan->program, sizeof plan->program, err) < 0)
		return -1;
	if (plan->init_mount >= 0)
		snprintf(plan->program, sizeof plan->program, "/dev/init");
	plan->arguments[0] = plan->program;
	struct error name = {.kind = ERROR_NONE};
	snprintf(name.message, sizeof name.message, "%s", command);
	return sync_send(plan->sync_fd, SYNC_EXEC, &name, -1, err);
}

static int execute(struct child *child, struct error *err)
{
	struct start_plan *plan = child->plan;
	/* The socket and the doorstep are all that is left; the doorstep's own descriptor ends with its start. */
	int socket_fd = fcntl(plan->sync_fd, F_DUPFD_CLOEXEC, 16);
	if (socket_fd < 0 || dup2(socket_fd, SYNC_DOORSTEP_FD) < 0)
		return error_set_errno(err, errno, "place the socket");
	plan->sync_fd = SYNC_DOORSTEP_FD;
	if (syscall(SYS_close_range, SYNC_DOORSTEP_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return error_set_errno(err, errno, "close all descriptors");
	syscall(SYS_execveat, plan->doorstep_fd, "", plan->arguments, plan->environment, AT_EMPTY_PATH);
	return executable_fail(child->spec->arguments[0], errno, err);
}

static int confine_and_execute(struct child *child, struct error *err)
{
	const struct runtime_spec *spec = child->spec;
	uint64_t capabilities = child->plan->capabilities;
	complete_environment(child);
	if (take_standard_fds(child, err) < 0 || (spec->terminal && terminal_control(0, err) < 0))
		return -1;
	if (set_limits(spec, err) < 0 || capability_limit_bounding(capabilities, err) < 0)
		return -1;
	if (spec->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set_errno(err, errno, "set no_new_privs");
	if (!spec->no_new_privileges && load_filter(child, err) < 0)
		return -1;
	/* As root: the image may have made it unreadable for the user, who can stay in it nevertheless, as with Docker.
	 */
	if (enter_working_directory(child, err) < 0 || become_user(child, err) < 0 ||
	    capability_set(capabilities, err) < 0)
		return -1;
	if (spec->die_with_parent && die_with_parent(child, err) < 0)
		return -1;
	if (find_program(child, err) < 0)
		return -1;
	if (spec->no_new_privileges && load_filter(child, err) < 0)
		return -1;
	return execute(child, err);
}

static int prepare_process(struct error *err)
{
	signals_reset();
	umask(0);
	if (setsid() < 0)
		return error_set_errno(err, errno, "make a session");
	/* Keys of the host's session stay there. A kernel without keys, or at its quota, has nothing to give away
	 * either way. */
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	return 0;
}

static int run(struct child *child, struct error *err)
{
	struct start_plan *plan = child->plan;
	const struct runtime_spec *spec = child->spec;
	if (prepare_process(err) < 0 || cgroup_enter_self(plan->cgroup_procs, plan->cgroup_procs_count, err) < 0)
		return -1;
	if ((plan->join_pidfd >= 0 ? join_container(child, err) : build_root(child, err)) < 0)
		return -1;
	if (sync_send(plan->sync_fd, SYNC_READY, NULL, child->terminal_master, err) < 0)
		return -1;
	if (child->terminal_master >= 0)
		close(child->terminal_master);
	if (wait_for(child, SYNC_GO, err) < 0)
		return -1;
	if (plan->inside && plan->inside->configure && plan->inside->configure(plan->inside->context, err) < 0)
		return -1;
	if (child->proc_sys_fd >= 0 && sysctl_apply(child->proc_sys_fd, spec->sysctls, spec->sysctl_count, err) < 0)
		return -1;
	umask(0022);
	return confine_and_execute(child, err);
}

_Noreturn void child_run(struct start_plan *plan)
{
	/* Static rather than on the stack: struct user is large, and the pages of BSS are there already. */
	static struct child child;
	static struct error error;
	child = (struct child){
		.plan = plan, .spec = plan->spec, .root_fd = -1, .terminal_master = -1, .terminal_slave = -1};
	child.working_directory_fd = child.proc_sys_fd = -1;
	if (run(&child, &error) < 0)
		sync_send(plan->sync_fd, SYNC_FAILED, &error, -1, NULL);
	_exit(error.kind == ERROR_NO_COMMAND ? 127 : error.kind == ERROR_CANNOT_INVOKE ? 126 : 125);
}
