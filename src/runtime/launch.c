/*
 * Theory of operation. Two processes work side by side: while the child enters its cgroup and builds its root
 * (child.c), the caller of the parent attaches the network. Without a terminal runtime_launch does not wait for the
 * child at all; what fails in there is told by runtime_start.
 */
#include "runtime/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "runtime/capability.h"
#include "runtime/cgroup.h"
#include "runtime/executable.h"
#include "runtime/mounts.h"
#include "runtime/plan.h"
#include "runtime/rootfs.h"
#include "runtime/shared.h"
#include "runtime/sync.h"

#define DEFAULT_PATH  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define CAP_MKNOD_BIT (1ULL << CAP_MKNOD)

extern const unsigned char doorstep_program[];
extern const size_t doorstep_program_size;

static void plan_release(struct start_plan *plan)
{
	for (size_t i = 0; plan->mount_fds && i < plan->spec->mount_count; i++)
		cleanup_close_function(&plan->mount_fds[i]);
	free(plan->mount_fds);
	cleanup_close_function(&plan->root_mount);
	cleanup_close_function(&plan->shm_mount);
	cleanup_close_function(&plan->hostname_mount);
	cleanup_close_function(&plan->hosts_mount);
	cleanup_close_function(&plan->resolv_conf_mount);
	cleanup_close_function(&plan->init_mount);
	cleanup_close_function(&plan->doorstep_fd);
	for (size_t i = 0; i < plan->cgroup_procs_count; i++)
		cleanup_close_function(&plan->cgroup_procs[i]);
	free(plan->arguments);
	free(plan->environment);
	device_list_release(&plan->devices);
}

/* A sealed copy of the doorstep: not even root can write to it. */
static int make_doorstep(struct start_plan *plan, struct error *err)
{
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
	/* Linux 6.3 and later want to be told that it is a program; older ones do not know the flag. */
	cleanup_close int fd = memfd_create("coracle-doorstep", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("coracle-doorstep", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return error_set_errno(err, errno, "make the last program before the container's");
	if (write_full(fd, doorstep_program, doorstep_program_size, err) < 0)
		return -1;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return error_set_errno(err, errno, "seal the last program before the container's");
	/* A file that is open for writing can not be executed; opened anew it is not. */
	char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	plan->doorstep_fd = open(path, O_PATH | O_CLOEXEC);
	return plan->doorstep_fd < 0 ? error_set_errno(err, errno, "open the last program before the container's") : 0;
}

static void prepare_arguments(struct start_plan *plan)
{
	const struct runtime_spec *spec = plan->spec;
	size_t count = 0;
	while (spec->arguments[count])
		count++;
	plan->arguments = allocate_array(count + 4, sizeof *plan->arguments);
	size_t at = 1;
	if (spec->init_path) {
		static char init_name[] = "/dev/init", separator[] = "--";
		plan->arguments[at++] = init_name;
		plan->arguments[at++] = separator;
	}
	for (size_t i = 0; i < count; i++)
		plan->arguments[at++] = (char *)(uintptr_t)spec->arguments[i];
	plan->argument_count = at - 1;

	static char path[] = "PATH=" DEFAULT_PATH;
	plan->environment = allocate_array(spec->environment.count + 3, sizeof *plan->environment);
	for (size_t i = 0; i < spec->environment.count; i++)
		plan->environment[i] = spec->environment.items[i];
	plan->environment_count = spec->environment.count;
	plan->path = string_list_get_key(&spec->environment, "PATH");
	if (!plan->path) {
		plan->environment[plan->environment_count++] = path;
		plan->path = DEFAULT_PATH;
	}
}

static int prepare_file(int source_fd, const char *name, int *ret_mount, struct error *err)
{
	if (source_fd < 0)
		return 0;
	*ret_mount = mounts_prepare_bind(source_fd, false, false, name, err);
	return *ret_mount < 0 ? -1 : 0;
}

static int prepare_mounts(struct start_plan *plan, struct error *err)
{
	const struct runtime_spec *spec = plan->spec;
	plan->mount_fds = allocate_array(spec->mount_count + 1, sizeof *plan->mount_fds);
	for (size_t i = 0; i < spec->mount_count; i++)
		plan->mount_fds[i] = -1;
	if (mounts_prepare(spec->mounts, spec->mount_count, plan->mount_fds, err) < 0 ||
	    prepare_file(spec->hostname_fd, "/etc/hostname", &plan->hostname_mount, err) < 0 ||
	    prepare_file(spec->hosts_fd, "/etc/hosts", &plan->hosts_mount, err) < 0 ||
	    prepare_file(spec->resolv_conf_fd, "/etc/resolv.conf", &plan->resolv_conf_mount, err) < 0 ||
	    shared_memory_mount(spec, &plan->shm_mount, err) < 0)
		return -1;
	if (!spec->init_path)
		return 0;
	cleanup_close int init = open(spec->init_path, O_PATH | O_CLOEXEC);
	if (init < 0)
		return error_set_errno(err, errno, "open the init program %s", spec->init_path);
	/* Read-only: it is a file of the host's. */
	plan->init_mount = mounts_prepare_bind(init, true, false, "/dev/init", err);
	return plan->init_mount < 0 ? -1 : 0;
}

static int prepare_cgroup(struct start_plan *plan, struct error *err)
{
	const struct runtime_spec *spec = plan->spec;
	bool guarded = true;
	if (cgroup_create(spec->cgroup, &spec->resources, err) < 0)
		return -1;
	if (!spec->privileged &&
	    cgroup_restrict_devices(spec->cgroup, spec->device_rules, spec->device_rule_count, &guarded, err) < 0) {
		cgroup_destroy(spec->cgroup, NULL);
		return error_wrap(err, "restrict the devices");
	}
	/* Nothing keeps it from opening a disk of the host's, so it must not make a node for one. */
	plan->capabilities = guarded ? spec->capabilities : spec->capabilities & ~CAP_MKNOD_BIT;
	return 0;
}

static int prepare(struct start_plan *plan, struct error *err)
{
	const struct runtime_spec *spec = plan->spec;
	if (!spec->arguments || !spec->arguments[0])
		return error_set(err, ERROR_USAGE, "no command specified");
	prepare_arguments(plan);
	if (spec->privileged && device_list_read_host(&plan->devices, err) < 0)
		return -1;
	/* The cgroup comes last: what fails before it leaves nothing behind. */
	plan->root_mount = rootfs_prepare(spec, err);
	if (plan->root_mount < 0 || prepare_mounts(plan, err) < 0 || make_doorstep(plan, err) < 0)
		return -1;
	return prepare_cgroup(plan, err);
}

/* clone3 with the namespaces in `flags`, into the cgroup. */
static pid_t clone_with(struct start_plan *plan, uint64_t flags, int parent_socket, int *ret_pidfd, struct error *err)
{
	cleanup_close int group = -1;
	if (cgroup_open(plan->spec->cgroup, &group, plan->cgroup_procs, &plan->cgroup_procs_count, err) < 0)
		return -1;
	int pidfd = -1;
	struct clone_args arguments = {
		.flags = flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	if (group >= 0) {
		arguments.flags |= CLONE_INTO_CGROUP;
		arguments.cgroup = (uint64_t)group;
	}
	pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
	if (pid < 0)
		return error_set_errno(err, errno, "make the container's process and its namespaces%s",
				       errno == EPERM ? "; Coracle needs to run as root" : "");
	if (pid == 0) {
		/* Else the end of the parent would not be seen as the end of the socket. */
		close(parent_socket);
		child_run(plan);
	}
	*ret_pidfd = pidfd;
	return pid;
}

/* The network is joined by us on behalf of the child, whose mounts of sysfs then show the right namespace. */
static pid_t clone_on_network(struct start_plan *plan, uint64_t flags, int parent_socket, int *ret_pidfd,
			      struct error *err)
{
	if (plan->spec->network != SPEC_NETWORK_SHARED)
		return clone_with(plan, flags, parent_socket, ret_pidfd, err);
	cleanup_close int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return error_set_errno(err, errno, "open our network namespace");
	if (setns(plan->spec->network_fd, CLONE_NEWNET) < 0)
		return error_set_errno(err, errno, "join the other container's network namespace");
	pid_t pid = clone_with(plan, flags, parent_socket, ret_pidfd, err);
	if (setns(own, CLONE_NEWNET) == 0 || pid < 0)
		return pid;
	error_set_errno(err, errno, "return to our network namespace");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cleanup_close_function(ret_pidfd);
	*ret_pidfd = -1;
	return -1;
}

/*
 * A child whose pid namespace has processes already, which may be hostile and see it from its first moment: it can not
 * be traced, nor its descriptors be looked at (CVE-2016-9962). The namespace of target_pidfd (-1: our own) is joined by
 * the parent on behalf of its next child.
 */
static pid_t clone_among_others(struct start_plan *plan, uint64_t flags, int target_pidfd, int parent_socket,
				int *ret_pidfd, struct error *err)
{
	cleanup_close int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return error_set_errno(err, errno, "open our pid namespace");
	if (target_pidfd >= 0 && setns(target_pidfd, CLONE_NEWPID) < 0)
		return error_set_errno(err, errno, "join the container's pid namespace");
	/* Copied by the clone, and undone by exec in the child. */
	int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	pid_t pid = clone_on_network(plan, flags, parent_socket, ret_pidfd, err);
	prctl(PR_SET_DUMPABLE, dumpable == 1, 0, 0, 0);
	if (setns(own, CLONE_NEWPID) < 0 && pid > 0) {
		error_set_errno(err, errno, "return to our pid namespace");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		cleanup_close_function(ret_pidfd);
		*ret_pidfd = -1;
		return -1;
	}
	return pid;
}

/* A new container. The cgroup namespace is the child's to make, once it is in its group. */
static pid_t clone_child(struct start_plan *plan, int parent_socket, int *ret_pidfd, struct error *err)
{
	const struct runtime_spec *spec = plan->spec;
	uint64_t flags = CLONE_NEWNS;
	if (spec->pid == SPEC_NAMESPACE_OWN)
		flags |= CLONE_NEWPID;
	if (spec->ipc == SPEC_NAMESPACE_OWN)
		flags |= CLONE_NEWIPC;
	if (spec->uts == SPEC_NAMESPACE_OWN)
		flags |= CLONE_NEWUTS;
	if (spec->network == SPEC_NETWORK_OWN)
		flags |= CLONE_NEWNET;
	if (spec->pid == SPEC_NAMESPACE_OWN)
		return clone_on_network(plan, flags, parent_socket, ret_pidfd, err);
	return clone_among_others(plan, flags, spec->pid == SPEC_NAMESPACE_JOIN ? spec->pid_pidfd : -1, parent_socket,
				  ret_pidfd, err);
}

static int hear(struct runtime_process *process, struct sync_message *message, int *ret_fd, struct error *err)
{
	int got = sync_receive(process->sync_fd, message, ret_fd, err);
	if (got > 0 && message->kind == SYNC_FAILED) {
		*err = message->error;
		return -1;
	}
	return got;
}

/* Waits for READY; ret_fd (may be NULL) is the terminal. */
static int await_ready(struct runtime_process *process, int *ret_fd, struct error *err)
{
	struct sync_message message;
	int got = hear(process, &message, ret_fd, err);
	if (got < 0)
		return -1;
	if (got == 0 || message.kind != SYNC_READY)
		return error_set(
			err, ERROR_SYSTEM,
			"the container's process ended while it was set up (killed? is a memory limit too low?)");
	return 0;
}

/* The clone and what both kinds of start do about it. `made_cgroup` is taken back on failure; NULL: none was made. */
static int launch(struct start_plan *plan, const char *made_cgroup, struct runtime_process *ret_process,
		  struct error *err)
{
	int sockets[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
		error_set_errno(err, errno, "make a socket");
		if (made_cgroup)
			cgroup_destroy(made_cgroup, NULL);
		return -1;
	}
	struct runtime_process process = {.pid = -1, .pidfd = -1, .sync_fd = sockets[0], .terminal_fd = -1};
	plan->sync_fd = sockets[1];
	process.pid = plan->join_pidfd >= 0
			      ? clone_among_others(plan, 0, plan->join_pidfd, sockets[0], &process.pidfd, err)
			      : clone_child(plan, sockets[0], &process.pidfd, err);
	close(sockets[1]);
	if (process.pid < 0) {
		runtime_abandon(&process, made_cgroup);
		return -1;
	}
	if (plan->spec->terminal && await_ready(&process, &process.terminal_fd, err) < 0) {
		runtime_abandon(&process, made_cgroup);
		return -1;
	}
	*ret_process = process;
	return 0;
}

static struct start_plan empty_plan(const struct runtime_spec *spec)
{
	return (struct start_plan){.spec = spec,
				   .join_pidfd = -1,
				   .sync_fd = -1,
				   .root_mount = -1,
				   .shm_mount = -1,
				   .hostname_mount = -1,
				   .hosts_mount = -1,
				   .resolv_conf_mount = -1,
				   .init_mount = -1,
				   .doorstep_fd = -1};
}

int runtime_launch_with(const struct runtime_spec *spec, const struct runtime_inside *inside,
			struct runtime_process *ret_process, struct error *err)
{
	struct error ignored = {0};
	err = err ? err : &ignored;
	CLEANUP(plan_release) struct start_plan plan = empty_plan(spec);
	plan.inside = inside;
	if (prepare(&plan, err) < 0)
		return -1;
	return launch(&plan, spec->cgroup, ret_process, err);
}

int runtime_join(const struct runtime_spec *spec, int pidfd, struct runtime_process *ret_process, struct error *err)
{
	struct error ignored = {0};
	err = err ? err : &ignored;
	/* What makes a container has no meaning for one that is there. */
	struct runtime_spec own = *spec;
	own.mounts = NULL;
	own.mount_count = 0;
	own.init_path = NULL;
	CLEANUP(plan_release) struct start_plan plan = empty_plan(&own);
	plan.join_pidfd = pidfd;
	bool guarded = true;
	if (!own.arguments || !own.arguments[0])
		return error_set(err, ERROR_USAGE, "no command specified");
	prepare_arguments(&plan);
	if (make_doorstep(&plan, err) < 0 || (!own.privileged && cgroup_can_restrict_devices(&guarded, err) < 0))
		return -1;
	plan.capabilities = guarded ? own.capabilities : own.capabilities & ~CAP_MKNOD_BIT;
	return launch(&plan, NULL, ret_process, err);
}

int runtime_launch(const struct runtime_spec *spec, struct runtime_process *ret_process, struct error *err)
{
	return runtime_launch_with(spec, NULL, ret_process, err);
}

/* From EXEC to the end of the socket. */
static int await_exec(struct runtime_process *process, struct error *err)
{
	struct sync_message message;
	struct error command = {.kind = ERROR_NONE};
	for (;;) {
		int got = hear(process, &message, NULL, err);
		if (got < 0)
			return -1;
		if (got == 0 && command.message[0])
			return 0;
		if (got == 0)
			return error_set(err, ERROR_SYSTEM,
					 "the container's process ended before its command was started");
		if (message.kind == SYNC_EXEC) {
			memcpy(command.message, message.error.message, sizeof command.message);
		} else if (message.kind == SYNC_EXEC_FAILED) {
			struct sync_exec_failed failed;
			memcpy(&failed, &message, sizeof failed);
			return executable_fail(command.message, failed.number, err);
		}
	}
}

int runtime_start(struct runtime_process *process, struct error *err)
{
	/* A child that has failed already has closed its end: the reason lies in the socket. */
	struct error ignored = {0};
	struct error broken = {0};
	err = err ? err : &ignored;
	/* With a terminal READY has been heard in runtime_launch. */
	if (process->terminal_fd < 0 && await_ready(process, NULL, err) < 0)
		return -1;
	sync_send(process->sync_fd, SYNC_GO, NULL, -1, &broken);
	if (await_exec(process, err) < 0)
		return -1;
	close(process->sync_fd);
	process->sync_fd = -1;
	return 0;
}

void runtime_tell_reason(struct runtime_process *process, struct error *err)
{
	struct pollfd ready = {.fd = process->sync_fd, .events = POLLIN};
	struct sync_message message;
	while (process->sync_fd >= 0 && poll(&ready, 1, 0) > 0 &&
	       sync_receive(process->sync_fd, &message, NULL, NULL) > 0) {
		if (message.kind == SYNC_FAILED && err) {
			*err = message.error;
			return;
		}
	}
}

void runtime_abandon(struct runtime_process *process, const char *cgroup)
{
	if (process->pid > 0) {
		kill(process->pid, SIGKILL);
		while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	process->pid = -1;
	int *fds[] = {&process->pidfd, &process->sync_fd, &process->terminal_fd};
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		cleanup_close_function(fds[i]);
		*fds[i] = -1;
	}
	if (cgroup)
		cgroup_destroy(cgroup, NULL);
}
